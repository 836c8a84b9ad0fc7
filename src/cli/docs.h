#ifndef CLI_DOCS_H
#define CLI_DOCS_H
/*
 * docs.h - the reference pages, written from the schema. Pure.
 */
#include <stdio.h>

/* docs/rpc.md: methods, parameters, results, errors, examples. */
void docs_rpc(FILE *out);

/* docs/configuration.md: objects and keys of the file. */
void docs_configuration(FILE *out);

/* Writes text as a cell of a Markdown table: '|' does not end the cell, and "" is a dash. */
void docs_cell(FILE *out, const char *text);
#endif
