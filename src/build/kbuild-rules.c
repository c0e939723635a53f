/* SPDX-License-Identifier: BSD-2-Clause */
#include "build/kbuild-rules.h"

#include "base/path.h"

#include <string.h>

#define MAKEFILE_MAX (1u << 20)
#define CONFIG_MAX   (4u << 20)

const char *exports_get(const struct exports *e, const char *name, size_t len)
{
	const char *p = e->bytes, *end = p + e->len;

	while (p < end) {
		const char *stop = memchr(p, 0, (size_t)(end - p));

		if (!stop)
			return NULL;
		if ((size_t)(stop - p) > len && p[len] == '=' && !memcmp(p, name, len))
			return p + len + 1;
		p = stop + 1;
	}
	return NULL;
}

bool kbuild_expand(
	const char *text, const char *target, const struct exports *exports, struct buf *to)
{
	buf_adds(to, "");
	while (*text) {
		size_t n = strcspn(text, "$");
		const char *value = NULL;

		buf_add(to, text, n);
		text += n;
		if (!*text)
			break;
		text++;
		if (*text == '@' || *text == '$') {
			buf_adds(to, *text == '@' ? target : "$");
			text++;
			continue;
		}
		n = *text == '(' ? strcspn(text, ")") : 0;
		if (n > 1 && text[n])
			value = exports_get(exports, text + 1, n - 1);
		if (!value)
			return false;
		buf_adds(to, value);
		text += n + 1;
	}
	return true;
}

void kbuild_squeeze(struct buf *text)
{
	size_t to = 0;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (c == '\\' && i + 1 < text->len && text->data[i + 1] == '\n') {
			c = ' ';
			i++;
		} else if (c == '\t') {
			c = ' ';
		}
		if (c == ' ' && to && text->data[to - 1] == ' ')
			continue;
		text->data[to++] = c;
	}
	text->len = to;
	if (text->data)
		text->data[to] = 0;
}

static bool configured(const char *config, const char *option)
{
	AUTO_FREE char *line = xasprintf("\n%s=y\n", option);

	return strstr(config, line);
}

/* The lines of "define NAME" up to its endef; NULL if there is none. Caller frees. */
static char *definition(const char *text, const char *name)
{
	AUTO_FREE char *head = xasprintf("\ndefine %s\n", name);
	const char *start = strstr(text, head);
	const char *end = start ? strstr(start, "\nendef") : NULL;

	start = start ? start + strlen(head) : NULL;
	return end && end > start ? xstrndup(start, (size_t)(end - start)) : NULL;
}

enum step { STEP_NONE, STEP_EXPORTS, STEP_VERSIONS, STEP_TRIM, STEP_MCOUNT, STEP_UNKNOWN };

/* What there may be in rule_cc_o_c and rule_as_o_S, between Linux 5.19 and 7.2. Those of STEP_NONE are
 * what the record has anyway, or what nobody asked for. */
static enum step step_of(const char *line)
{
	static const struct {
		const char *line;
		enum step step;
	} steps[] = {
		{"$(call cmd_and_fixdep,cc_o_c)", STEP_NONE},
		{"$(call cmd_and_fixdep,as_o_S)", STEP_NONE},
		{"$(call cmd,save_c_flags)", STEP_NONE},
		{"$(call cmd,checksrc)", STEP_NONE},
		{"$(call cmd,checkdoc)", STEP_NONE},
		{"$(call cmd,gen_objtooldep)", STEP_NONE},
		{"$(call cmd,warn_shared_object)", STEP_NONE},
		{"$(call cmd,check_local_export)", STEP_EXPORTS},
		{"$(call cmd,gen_symversions_c)", STEP_VERSIONS},
		{"$(call cmd,gen_symversions_S)", STEP_VERSIONS},
		{"$(call cmd,gen_ksymdeps)", STEP_TRIM},
		{"$(call cmd,record_mcount)", STEP_MCOUNT},
	};

	line += *line == ' ';
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (!strcmp(line, steps[i].line))
			return steps[i].step;
	return STEP_UNKNOWN;
}

static bool read_rule(
	const char *build, const char *name, const char *config, struct object_rule *out)
{
	AUTO_FREE char *body = definition(build, name);
	char *line, *rest;

	if (!body || !strstr(body, "$(call cmd_and_fixdep,"))
		return false;
	for (line = strtok_r(body, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		switch (step_of(line)) {
		case STEP_NONE:
			break;
		case STEP_EXPORTS:
			out->checks_exports = true;
			break;
		case STEP_VERSIONS:
			out->versions = configured(config, "CONFIG_MODVERSIONS");
			break;
		case STEP_TRIM:
			if (configured(config, "CONFIG_TRIM_UNUSED_KSYMS"))
				return false;
			break;
		case STEP_MCOUNT:
			if (configured(config, "CONFIG_FTRACE_MCOUNT_USE_RECORDMCOUNT"))
				return false;
			break;
		case STEP_UNKNOWN:
			return false;
		}
	return true;
}

/* How the versions of exported symbols are made. */
static bool read_versions(const char *build, const char *config, struct kbuild_rules *out)
{
	static const struct {
		const char *makefile, *meaning;
	} exporting[] =
		{
			{"if $(NM) $@ 2>/dev/null | grep -q __ksymtab; then", "__ksymtab"},
			{"if $(NM) $@ 2>/dev/null | grep -q ' __export_symbol_'; then",
				"' __export_symbol_'"},
		},
	  genksyms[] = {
		  {"genksyms = scripts/genksyms/genksyms $(if $(1), -T $(2)) "
		   "$(if $(KBUILD_PRESERVE), -p) "
		   "-r $(or $(wildcard $(2:.symtypes=.symref)), /dev/null)\n",
			  "genksyms -r /dev/null"},
		  {"genksyms = $(objtree)/scripts/genksyms/genksyms "
		   "$(if $(KBUILD_SYMTYPES), -T $(@:.o=.symtypes)) $(if $(KBUILD_PRESERVE), -p) "
		   "$(addprefix -r , $(wildcard $(@:.o=.symref)))\n",
			  "genksyms"},
	  };

	if (!configured(config, "CONFIG_MODVERSIONS"))
		return true;
	if (configured(config, "CONFIG_GENDWARFKSYMS") ||
		!strstr(build,
			"\ncmd_gensymtypes_c = $(CPP) -D__GENKSYMS__ $(c_flags) $< | "
			"$(genksyms)\n"))
		return false;
	for (size_t i = 0; i < sizeof exporting / sizeof *exporting; i++)
		if (strstr(build, exporting[i].makefile))
			out->exporting = exporting[i].meaning;
	for (size_t i = 0; i < sizeof genksyms / sizeof *genksyms; i++)
		if (strstr(build, genksyms[i].makefile))
			out->genksyms = genksyms[i].meaning;
	return out->exporting && out->genksyms;
}

/* The recipe for "%.ko", which may have these lines and no others. */
static bool final_is_known(const char *modfinal)
{
	static const char *const known[] = {"+$(call if_changed_except,ld_ko_o,vmlinux)",
		"+$(call if_changed,ld_ko_o)", "ifdef CONFIG_DEBUG_INFO_BTF_MODULES",
		"+$(if $(newer-prereqs),$(call cmd,btf_ko))", "endif",
		"+$(call cmd,check_tracepoint)", NULL};
	const char *rule = strstr(modfinal, "%.ko: %.o %.mod.o ");

	rule = rule ? strchr(rule, '\n') : NULL;
	while (rule && *++rule && *rule != '\n') {
		size_t n, i;

		rule += *rule == ' ';
		n = strcspn(rule, "\n");
		for (i = 0; known[i]; i++)
			if (strlen(known[i]) == n && !memcmp(known[i], rule, n))
				break;
		if (!known[i])
			return false;
		rule = strchr(rule, '\n');
	}
	return rule != NULL;
}

static bool read_final(const char *modfinal, const char *config, struct kbuild_rules *out)
{
	static const char name[] = "\n cmd_btf_ko = ";
	const char *types = strstr(modfinal, name);

	if (!final_is_known(modfinal))
		return false;
	if (strstr(modfinal, "\n%.mod.o: %.mod.c FORCE\n $(call if_changed_rule,cc_o_c)\n"))
		out->mod = out->c;
	else if (!strstr(modfinal, "\n%.mod.o: %.mod.c FORCE\n $(call if_changed_dep,cc_o_c)\n"))
		return false;
	if (!configured(config, "CONFIG_DEBUG_INFO_BTF_MODULES"))
		return true;
	if (!types)
		return false;
	types += sizeof name - 1;
	out->types = xstrndup(types, strcspn(types, "\n"));
	return true;
}

/* What is done around a recorded command. */
static bool recording_is_known(const char *include)
{
	static const char *const fixdep[] = {
		"\ncmd_and_fixdep = $(cmd); scripts/basic/fixdep $(depfile) $@ '$(make-cmd)' > "
		"$(dot-target).cmd; rm -f $(depfile)\n",
		"\ncmd_and_fixdep = $(cmd); $(objtree)/scripts/basic/fixdep $(depfile) $@ "
		"'$(make-cmd)' > $(dot-target).cmd; rm -f $(depfile)\n",
		"\ncmd_and_fixdep = $(cmd); scripts/basic/fixdep $(depfile) $@ '$(make-cmd)' > "
		"$(dot-target).cmd;rm -f $(depfile)\n",
		"\ncmd_and_fixdep = $(cmd); $(objtree)/scripts/basic/fixdep $(depfile) $@ "
		"'$(make-cmd)' > $(dot-target).cmd;rm -f $(depfile)\n",
		NULL};

	for (size_t i = 0; fixdep[i]; i++)
		if (strstr(include, fixdep[i]))
			return true;
	return false;
}

bool kbuild_rules_parse(const char *build, const char *modfinal, const char *include,
	const char *config, struct kbuild_rules *out)
{
	*out = (struct kbuild_rules){0};
	if (recording_is_known(include) && !configured(config, "CONFIG_LTO_CLANG") &&
		read_rule(build, "rule_cc_o_c", config, &out->c) &&
		read_rule(build, "rule_as_o_S", config, &out->assembler) &&
		read_versions(build, config, out) && read_final(modfinal, config, out))
		return true;
	kbuild_rules_free(out);
	return false;
}

static bool read_makefile(const char *scripts, const char *name, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", scripts, name);

	return !path_read(path, MAKEFILE_MAX, text) && text->len;
}

bool kbuild_rules_read(const char *scripts, const char *config, struct kbuild_rules *out)
{
	AUTO_BUF struct buf build = {0}, lib = {0}, modfinal = {0}, include = {0}, text = {0};

	*out = (struct kbuild_rules){0};
	if (!read_makefile(scripts, "Makefile.build", &build) ||
		!read_makefile(scripts, "Makefile.lib", &lib) ||
		!read_makefile(scripts, "Makefile.modfinal", &modfinal) ||
		!read_makefile(scripts, "Kbuild.include", &include) ||
		path_read(config, CONFIG_MAX, &text) || !text.len)
		return false;
	buf_add(&build, lib.data, lib.len); /* the rules moved from the one to the other */
	kbuild_squeeze(&build);
	kbuild_squeeze(&modfinal);
	kbuild_squeeze(&include);
	return kbuild_rules_parse(build.data, modfinal.data, include.data, text.data, out);
}

void kbuild_rules_free(struct kbuild_rules *r)
{
	free(r->types);
	*r = (struct kbuild_rules){0};
}
