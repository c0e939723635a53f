/* SPDX-License-Identifier: BSD-2-Clause */
int second(int a);
