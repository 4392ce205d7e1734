#include <string.h>

#include "cli.h"

void cli_help(FILE *file)
{
    fputs("usage: avsound SUBCOMMAND [operands] [options]\n\nsubcommands:\n", file);
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(file, "  %-9s %s\n", cli_commands[i].name, cli_commands[i].summary);
    fputs("  help      explain a subcommand: avsound help SUBCOMMAND\n\n"
          "avsound --version prints the version. avsound(1) says everything.\n",
          file);
}

/* Prints `text` indented, in lines that fit a terminal. */
static void print_folded(FILE *file, const char *text)
{
    const size_t indent = 6, width = 79;
    size_t column = 0;
    for (const char *word = text; *word;) {
        const size_t length = strcspn(word, " ");
        if (column && column + 1 + length > width) {
            fputc('\n', file);
            column = 0;
        }
        if (column)
            fputc(' ', file);
        else
            fprintf(file, "%*s", (int)indent, "");
        fprintf(file, "%.*s", (int)length, word);
        column = (column ? column + 1 : indent) + length;
        word += length + strspn(word + length, " ");
    }
    fputc('\n', file);
}

static void print_option(FILE *file, const cli_option *o)
{
    if (o->letter)
        fprintf(file, "  -%c, --%s", o->letter, o->name);
    else
        fprintf(file, "  --%s", o->name);
    if (o->value)
        fprintf(file, " %s", o->value);
    fputc('\n', file);
    print_folded(file, o->help);
}

void cli_help_command(FILE *file, const cli_command *command)
{
    fprintf(file, "usage: avsound %s %s%s[options]\n\n%c%s.\n\n%s\noptions:\n", command->name, command->operands,
            *command->operands ? " " : "", command->summary[0] - 'a' + 'A', command->summary + 1, command->text);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].commands & command->bit)
            print_option(file, &cli_options[i]);
    fputs("  -h, --help\n      print this\n\n"
          "exit status: 0 done, 1 failed, 2 wrong command line, 3 input unreadable or\n"
          "damaged, 4 not supported here, 5 out of memory or output not writable,\n"
          "130 interrupted\n",
          file);
}
