#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H
/*
 * completion.h - a script that makes bash or zsh complete commands, from the schema. Pure.
 */
#include <stdio.h>

/* shell: "bash" or "zsh". */
void completion_print(FILE *out, const char *shell);
#endif
