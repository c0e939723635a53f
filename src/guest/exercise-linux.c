/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/exercise.h"
