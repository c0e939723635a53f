/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_PAGE_H
#define KMODLAB_REPORT_PAGE_H
/* The page's style and script, as bytes in the program (page.S). */
extern const char page_css[], page_css_end[], page_js[], page_js_end[];

#endif
