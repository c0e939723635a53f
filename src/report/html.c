/* SPDX-License-Identifier: BSD-2-Clause */
/* The page around the trials: what they came to, modules by targets, and where the time went. */
#include "report/html.h"

#include "report/columns.h"
#include "report/markup.h"
#include "report/page.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <string.h>
#include <time.h>

/* What a Content-Security-Policy calls the text by. */
static void digest(struct buf *out, const char *text, size_t len)
{
	struct sha256_ctx ctx;
	uint8_t sum[SHA256_DIGEST_SIZE];
	char name[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1];

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)text);
	sha256_digest(&ctx, sizeof sum, sum);
	base64_encode_raw(name, sizeof sum, sum);
	name[sizeof name - 1] = 0;
	buf_addf(out, "'sha256-%s'", name);
}

static void verdict(struct buf *out, const struct sheet *s)
{
	static const char *const words[] = {
		"passed", "failed", "in error", "skipped", "not run: interrupted"};
	size_t n[OUTCOMES];
	bool first = true;

	sheet_count(s, n);
	for (size_t i = 0; i < OUTCOMES; i++) {
		if (!n[i] && i)
			continue;
		buf_addf(out, "%s%zu %s", first ? "" : ", ", n[i],
			s->check && i <= OUTCOME_FAILED ? i ? "not as expected" : "as expected"
							: words[i]);
		first = false;
	}
}

static void head(struct buf *out, const struct sheet *s)
{
	buf_adds(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"base-uri 'none'; form-action 'none'; style-src ");
	digest(out, page_css, (size_t)(page_css_end - page_css));
	buf_adds(out, "; script-src ");
	digest(out, page_js, (size_t)(page_js_end - page_js));
	buf_adds(out,
		"\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	verdict(out, s);
	buf_adds(out, " – kmodlab</title>\n<style>");
	buf_add(out, page_css, (size_t)(page_css_end - page_css));
	buf_adds(out, "</style>\n</head>\n");
}

static void header(struct buf *out, const struct sheet *s)
{
	static const char *const themes[] = {"system", "light", "dark"};
	time_t began = (time_t)s->began;
	struct tm tm;
	char when[64] = "";
	AUTO_FREE char *took = short_time(s->took_us);

	if (gmtime_r(&began, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
	buf_adds(out,
		"<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header>\n<h1>");
	verdict(out, s);
	buf_addf(out,
		"</h1>\n<p>kmodlab %s, <code>kmodlab %s</code>, %s, %s, %zu trial%s.</p>\n"
		"<fieldset class=\"choice\"><legend>Colours</legend>",
		KMODLAB_VERSION, s->command, when, took, s->n, s->n == 1 ? "" : "s");
	for (size_t i = 0; i < 3; i++)
		buf_addf(out,
			"<label><input type=\"radio\" name=\"theme\" id=\"theme-%s\" "
			"value=\"%s\"%s> %s</label>",
			themes[i], themes[i], i ? "" : " checked", themes[i]);
	buf_adds(out, "</fieldset>\n");
	if (s->n > HTML_MANY)
		buf_addf(out,
			"<p class=\"remark\">These are more than %d trials: of those that passed, the "
			"log is shown by its first and last %d lines only. <code>--json</code> has "
			"all.</p>\n",
			HTML_MANY, HTML_ENDS);
	buf_adds(out, "</header>\n");
}

/* ---- modules by targets ---- */

static void cell(struct buf *out, const struct sheet *s, size_t i)
{
	const struct sheet_trial *t = &s->trials[i];
	AUTO_FREE char *took = short_time(t->took_us);

	buf_addf(out, "<td class=\"%s\">", html_outcome(t->outcome));
	if (t->outcome == OUTCOME_NOT_RUN) {
		html_badge(out, s, t);
	} else {
		buf_addf(out, "<a href=\"#in%zu\">", i);
		html_badge(out, s, t);
		buf_adds(out, "</a>");
	}
	if (t->outcome <= OUTCOME_ERROR)
		buf_addf(out, " <span class=\"took\">%s</span>", took);
	buf_adds(out, "</td>");
}

static void matrix(FILE *out, const struct sheet *s)
{
	AUTO_BUF struct buf text = {0};
	size_t i = 0;

	buf_adds(&text,
		"<section aria-labelledby=\"matrix\"><h2 id=\"matrix\">Modules and targets</h2>\n"
		"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"matrix\">"
		"<table class=\"matrix\"><thead><tr><th scope=\"col\">Module</th>");
	for (size_t c = 0; c < s->ncolumns; c++) {
		buf_adds(&text, "<th scope=\"col\">");
		markup_add(&text, s->columns[c].name);
		buf_adds(&text, "</th>");
	}
	buf_adds(&text, "</tr></thead><tbody>\n");
	for (size_t r = 0; r < s->nrows; r++) {
		buf_adds(&text, "<tr><th scope=\"row\">");
		markup_add(&text, s->rows[r]);
		buf_adds(&text, "</th>");
		for (size_t c = 0; c < s->ncolumns; c++) {
			if (i < s->n && s->trials[i].row == r && s->trials[i].column == c)
				cell(&text, s, i++);
			else
				buf_adds(&text,
					"<td><span class=\"nothing\">nothing to run</span></td>");
		}
		buf_adds(&text, "</tr>\n");
		fwrite(text.data, 1, text.len, out);
		text.len = 0;
	}
	buf_adds(&text, "</tbody></table></div></section>\n");
	fwrite(text.data, 1, text.len, out);
}

/* ---- where the time went ---- */

static int by_time(const void *a, const void *b, void *arg)
{
	const struct sheet *s = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int64_t tx = s->trials[x].took_us, ty = s->trials[y].took_us;

	if (tx != ty)
		return tx < ty ? 1 : -1;
	return x < y ? -1 : x > y;
}

static int64_t stages_us(const struct sheet_trial *t)
{
	int64_t sum = 0;

	for (size_t k = 0; k < STAGES; k++)
		sum += t->stage_us[k];
	return sum;
}

static void time_row(struct buf *out, const struct sheet *s, size_t i, double longest)
{
	const struct sheet_trial *t = &s->trials[i];
	AUTO_FREE char *took = short_time(t->took_us);
	double at = 0;

	buf_addf(out, "<tr><th scope=\"row\"><a href=\"#in%zu\">", i);
	markup_add(out, s->rows[t->row]);
	buf_adds(out, "</a></th><td>");
	markup_add(out, s->columns[t->column].name);
	buf_addf(out,
		"</td><td class=\"number\">%s</td><td><svg class=\"chart\" "
		"aria-hidden=\"true\">",
		took);
	for (size_t k = 0; k < STAGES; k++) {
		if (t->stage_us[k])
			html_bar(out, stage_name((enum stage)k), at, at + (double)t->stage_us[k],
				longest);
		at += (double)t->stage_us[k];
	}
	if (t->took_us > stages_us(t))
		html_bar(out, "rest", at, (double)t->took_us, longest);
	buf_adds(out, "</svg></td></tr>\n");
}

static void times(FILE *out, const struct sheet *s)
{
	AUTO_FREE size_t *order = xcalloc(s->n, sizeof *order);
	AUTO_BUF struct buf text = {0};
	size_t n = 0, most;
	double longest;

	for (size_t i = 0; i < s->n; i++)
		if (s->trials[i].outcome <= OUTCOME_ERROR)
			order[n++] = i;
	if (!n)
		return;
	qsort_r(order, n, sizeof *order, by_time, (void *)s);
	most = n < HTML_SLOWEST ? n : HTML_SLOWEST;
	longest = (double)s->trials[order[0]].took_us;
	if ((double)stages_us(&s->trials[order[0]]) > longest)
		longest = (double)stages_us(&s->trials[order[0]]);
	buf_adds(&text, "<section aria-labelledby=\"times\"><h2 id=\"times\">Times</h2>\n<p");
	buf_adds(&text, " class=\"legend\">");
	for (size_t k = 0; k < STAGES; k++)
		buf_addf(&text,
			"<span><svg class=\"key\" aria-hidden=\"true\"><rect class=\"%s\" "
			"width=\"100%%\" height=\"100%%\"/></svg> %s</span> ",
			stage_name((enum stage)k), stage_name((enum stage)k));
	buf_adds(&text,
		"<span><svg class=\"key\" aria-hidden=\"true\"><rect class=\"rest\" "
		"width=\"100%\" height=\"100%\"/></svg> between them</span></p>\n"
		"<table class=\"times\"><thead><tr><th scope=\"col\">Module</th><th "
		"scope=\"col\">Target</th><th scope=\"col\">Time</th><th scope=\"col\">Of "
		"which</th></tr></thead><tbody>\n");
	for (size_t k = 0; k < most; k++)
		time_row(&text, s, order[k], longest);
	buf_adds(&text, "</tbody></table>\n");
	if (most < n)
		buf_addf(&text, "<p>The %zu trials that took less are left out.</p>\n", n - most);
	buf_adds(&text, "</section>\n");
	fwrite(text.data, 1, text.len, out);
}

static void trials(FILE *out, const struct sheet *s, const struct parts *parts)
{
	fputs("<section aria-labelledby=\"trials\" class=\"trials\"><h2 "
	      "id=\"trials\">Trials</h2>\n"
	      "<div class=\"tools\"><fieldset class=\"choice\"><legend>Show</legend>"
	      "<label><input type=\"radio\" name=\"which\" value=\"all\" checked> all</label>"
	      "<label><input type=\"radio\" name=\"which\" value=\"bad\"> those that did not "
	      "pass</label></fieldset>\n"
	      "<span class=\"js\" hidden><button type=\"button\" id=\"open\">Open all</button> "
	      "<button type=\"button\" id=\"close\">Close all</button> "
	      "<label>Name <input type=\"search\" id=\"find\" autocomplete=\"off\"></label></span>"
	      "</div>\n",
		out);
	for (size_t i = 0; i < s->n; i++)
		parts_copy(parts, i, out);
	fputs("</section>\n", out);
}

static void html_file(FILE *out, const struct sheet *s, const struct parts *parts)
{
	AUTO_BUF struct buf text = {0};

	head(&text, s);
	header(&text, s);
	buf_adds(&text, "<main id=\"main\" tabindex=\"-1\">\n");
	fwrite(text.data, 1, text.len, out);
	matrix(out, s);
	trials(out, s, parts);
	times(out, s);
	text.len = 0;
	buf_adds(&text,
		"</main>\n<footer><p>Written by kmodlab " KMODLAB_VERSION
		". What a rule means: <code>kmodlab explain "
		"RULE</code>.</p></footer>\n<script>");
	buf_add(&text, page_js, (size_t)(page_js_end - page_js));
	buf_adds(&text, "</script>\n</body>\n</html>\n");
	fwrite(text.data, 1, text.len, out);
}

const struct format html_format = {html_trial, html_file};
