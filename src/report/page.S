/* SPDX-License-Identifier: BSD-2-Clause */
/* The page's style and script, as bytes in the program. */
	.section .rodata
	.globl page_css, page_css_end, page_js, page_js_end
page_css:
	.incbin PAGE_CSS
page_css_end:
	.byte 0
page_js:
	.incbin PAGE_JS
page_js_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
