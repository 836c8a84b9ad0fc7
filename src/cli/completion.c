/* completion.c - completion scripts from the schema; see completion.h. */
#include "cli/completion.h"

#include <string.h>

#include "cli/args.h"

/*
 * The part that does not depend on the schema. Words are found before the cursor; names of objects are asked of the daemon, whose
 * tables have them in the first column.
 */
static const char script[] =
	"_fairlead()\n"
	"{\n"
	"	local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"\" nouns verbs=\"\" options=\"\" word=\"\" values=\"\" "
	"i w\n"
	"	local -a words\n"
	"	words=()\n"
	"	[ \"$COMP_CWORD\" -gt 0 ] && prev=\"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		w=\"${COMP_WORDS[i]}\"\n"
	"		case \"$w\" in\n"
	"		--rpc) ((i++)) ;;\n"
	"		-*) ;;\n"
	"		*) words+=(\"$w\") ;;\n"
	"		esac\n"
	"	done\n"
	"	_fairlead_words \"${words[0]}\" \"${words[1]}\" \"$prev\"\n"
	"	COMPREPLY=()\n"
	"	if [ -n \"$values\" ]; then\n"
	"		COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
	"	elif [ \"$prev\" = --rpc ]; then\n"
	"		COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"	elif [ \"${cur:0:1}\" = - ]; then\n"
	"		COMPREPLY=($(compgen -W \"$options --json --rpc --help\" -- \"$cur\"))\n"
	"	elif [ \"${#words[@]}\" -eq 0 ]; then\n"
	"		COMPREPLY=($(compgen -W \"$nouns\" -- \"$cur\"))\n"
	"	elif [ \"${#words[@]}\" -eq 1 ] && [ -n \"$verbs\" ]; then\n"
	"		COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
	"	elif [ \"$word\" = file ]; then\n"
	"		COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"	elif [ \"${word:0:1}\" = = ]; then\n"
	"		COMPREPLY=($(compgen -W \"${word:1}\" -- \"$cur\"))\n"
	"	elif [ -n \"$word\" ]; then\n"
	"		COMPREPLY=($(compgen -W \"$(fairlead \"$word\" list 2>/dev/null | awk 'NR > 1 { print $1 }')\" "
	"-- \"$cur\"))\n"
	"	fi\n"
	"}\n";

static void
print_nouns(FILE *out)
{
	const char *last = "";

	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		if (strcmp(m->noun, last) != 0)
			fprintf(out, "%s%s", last[0] == '\0' ? "" : " ", m->noun);
		last = m->noun;
	}
}

static void
print_verbs(FILE *out)
{
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		if (m->verb == NULL)
			continue;
		if (m == schema_methods || strcmp(m[-1].noun, m->noun) != 0)
			fprintf(out, "	%s) verbs=\"", m->noun);
		fputs(m->verb, out);
		fputs(m[1].noun != NULL && strcmp(m[1].noun, m->noun) == 0 ? " " : "\" ;;\n", out);
	}
}

static void
print_choices(FILE *out, const struct schema_key *key)
{
	if (key->type == SCHEMA_BOOL)
		fputs("on off", out);
	for (size_t i = 0; key->type == SCHEMA_ENUM && key->choices[i] != NULL; i++)
		fprintf(out, "%s%s", i == 0 ? "" : " ", key->choices[i]);
}

/* What the word of the command line is: a file, one of some choices ("=bash zsh"), or the noun that lists the names. */
static void
print_word(FILE *out, const struct schema_key *word)
{
	if (strcmp(word->name, "file") == 0 || schema_method_find(word->name, "list") != NULL) {
		fprintf(out, " word=%s", word->name);
	} else if (word->type == SCHEMA_ENUM) {
		fputs(" word=\"=", out);
		print_choices(out, word);
		fputs("\"", out);
	}
}

static void
print_method(FILE *out, const struct schema_method *m)
{
	char option[ARGS_OPTION_LEN];
	const char *gap = "";

	fprintf(out, "	\"%s %s\") options=\"", m->noun, m->verb == NULL ? "\"*\"" : m->verb);
	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++)
		if (!k->filled && k != schema_word(m)) {
			fprintf(out, "%s%s", gap, args_option(k, option));
			gap = " ";
		}
	fputs("\"", out);
	if (schema_word(m) != NULL)
		print_word(out, schema_word(m));
	fputs(" ;;\n", out);
}

static void
print_values(FILE *out, const struct schema_method *m)
{
	char option[ARGS_OPTION_LEN];

	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++) {
		if (k->filled || args_is_flag(k) || (k->type != SCHEMA_BOOL && k->type != SCHEMA_ENUM) ||
		    k == schema_word(m))
			continue;
		fprintf(out, "	\"%s %s %s\") values=\"", m->noun, m->verb == NULL ? "" : m->verb,
			args_option(k, option));
		print_choices(out, k);
		fputs("\" ;;\n", out);
	}
}

void
completion_print(FILE *out, const char *shell)
{
	if (strcmp(shell, "zsh") == 0)
		fputs("#compdef fairlead\nautoload -U +X bashcompinit && bashcompinit\n", out);
	fputs("# Completion for fairlead. Use it: source <(fairlead completion ", out);
	fprintf(out, "%s)\n_fairlead_words()\n{\n	nouns=\"", shell);
	print_nouns(out);
	fputs("\"\n	case \"$1\" in\n", out);
	print_verbs(out);
	fputs("	esac\n	case \"$1 $2\" in\n", out);
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		print_method(out, m);
	fputs("	esac\n	case \"$1 $2 $3\" in\n", out);
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		print_values(out, m);
	fputs("	esac\n}\n", out);
	fputs(script, out);
	fputs("complete -F _fairlead fairlead\n", out);
}
