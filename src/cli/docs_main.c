/*
 * docs_main.c - fairlead-docs prints a reference page, or says whether a file has it as it is now.
 *
 * usage: fairlead-docs rpc|configuration [FILE]
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/docs.h"

static int
compare(const char *page, size_t len, const char *file)
{
	FILE *in = fopen(file, "r");
	char *text = in == NULL ? NULL : calloc(1, len + 1);
	size_t n = text == NULL ? 0 : fread(text, 1, len + 1, in);
	bool same = text != NULL && n == len && memcmp(text, page, len) == 0;

	if (in != NULL)
		fclose(in);
	free(text);
	if (!same)
		fprintf(stderr, "fairlead-docs: %s is not what the schema says now; make it by scripts/gen_reference\n",
			file);
	return same ? 0 : 1;
}

int
main(int argc, char **argv)
{
	char *page = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&page, &len);
	int rc = 0;

	if (out == NULL)
		return 1;
	if (argc < 2 || argc > 3 || (strcmp(argv[1], "rpc") != 0 && strcmp(argv[1], "configuration") != 0)) {
		fprintf(stderr, "usage: fairlead-docs rpc|configuration [FILE]\n");
		fclose(out);
		free(page);
		return 2;
	}
	if (strcmp(argv[1], "rpc") == 0)
		docs_rpc(out);
	else
		docs_configuration(out);
	if (fclose(out) != 0 || page == NULL)
		rc = 1;
	else if (argc == 3)
		rc = compare(page, len, argv[2]);
	else if (fwrite(page, 1, len, stdout) != len || fflush(stdout) != 0)
		rc = 1;
	free(page);
	return rc;
}
