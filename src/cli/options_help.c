/* options_help.c - documents made from the option table: --help, man page, README table, completions. */
#include "src/cli/options.h"

#include <ctype.h>
#include <string.h>

#define HELP_COLUMN 30 /* where the descriptions begin */

static const char *const examples[][2] = {
    { "hfprop video.mp4 --mask first.png", "the mask drawn over the video: video.hfprop.mp4" },
    { "hfprop video.mp4 --mask first.png --masks out/", "and indexed PNG masks, one a frame" },
    { "hfprop video.mp4 --mask first.png -o matte.mov", "alpha video (.mov ProRes, .webm VP9, .mkv FFV1)" },
    { "hfprop video.mp4 --edit overlay.png -o out.mp4", "a painted edit in every frame" },
    { "hfprop video.mp4 --mask 0=a.png --mask 120=b.png", "several key frames, followed both ways" },
    { "hfprop frames/ --mask first.png --masks out/", "a folder or pattern (%05d.jpg) of images" },
};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static const struct {
    int         code;
    const char *meaning;
} exit_codes[] = {
    { 0, "done" },
    { 1, "the run failed (disk full, pipe closed), or --strict and a warning" },
    { 2, "the command line is wrong" },
    { 3, "an input file is missing, broken or of a wrong kind" },
    { 4, "the model is unknown, missing or wrong" },
    { 5, "out of memory" },
    { 130, "interrupted; the files are valid, --resume goes on" },
};
#define N_EXIT_CODES (sizeof(exit_codes) / sizeof(exit_codes[0]))

/* The rows of one verb; a heading is due where the group changes. */
static const hf_option_row *next_row(const hf_option_row *row, int verb)
{
    while (row->name && !(row->verbs & verb))
        row++;
    return row;
}

static int starts_group(const hf_option_row *row, const hf_option_row *last)
{
    return !last || strcmp(row->group, last->group) != 0;
}

/* "-o, --out OUT" */
static int format_names(char *text, size_t size, const hf_option_row *row)
{
    int n = row->letter ? snprintf(text, size, "-%c, ", row->letter) : snprintf(text, size, "    ");
    return n + snprintf(text + n, size - (size_t)n, "--%s%s%s", row->name, row->arg ? " " : "", row->arg ? row->arg : "");
}

/* What stands in brackets: the default as it is now; nothing for flags and unset texts. */
static const char *default_text(const hf_option_row *row, const hf_options *options, char *buffer, size_t size)
{
    if (row->kind == HF_OPT_FLAG || row->kind == HF_OPT_KEYED || row->role == HF_ROLE_SHOW)
        return "";
    return hf_option_text(row, options, buffer, size);
}

/* The sentence with what the table knows besides: choices, range, default. */
static void format_description(char *text, size_t size, const hf_option_row *row, const hf_options *options)
{
    char buffer[64], choices[160] = "";
    const char *value = default_text(row, options, buffer, sizeof(buffer));
    if (row->choices) {
        size_t n = 0;
        for (const char *c = row->choices; *c && n + 3 < sizeof(choices); c++) {
            if (*c == '|')
                choices[n++] = ',';
            choices[n++] = *c == '|' ? ' ' : *c;
        }
        choices[n] = 0;
    }
    snprintf(text, size, "%s%s%s%s%s%s%s", row->help, *choices ? " (" : "", choices, *choices ? ")" : "",
             *value ? " [" : "", value, *value ? "]" : "");
}

/* Print text from column `from` on, broken at blanks before column `width`. `at` is where the line stands. */
static void print_wrapped(FILE *out, const char *text, int at, int from, int width)
{
    if (at >= from) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", from - at, "");
    at = from;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at + n > width && at > from) {
            fprintf(out, "\n%*s", from, "");
            at = from;
        }
        fprintf(out, "%.*s", n, text);
        at += n;
        text += n;
        if (*text == ' ') {
            text++;
            if (at + 1 + (int)strcspn(text, " ") <= width) {
                fputc(' ', out);
                at++;
            } else {
                fprintf(out, "\n%*s", from, "");
                at = from;
            }
        }
    }
    fputc('\n', out);
}

void hf_options_print_usage(FILE *out)
{
    fputs("hfprop carries a mask or a painted edit from one frame through a whole video.\n"
          "usage: hfprop VIDEO --mask first.png [-o OUT]\n"
          "       hfprop --help    lists everything\n",
          out);
}

void hf_options_print_help(FILE *out, const hf_options *options, int width)
{
    char names[96], text[512];
    const hf_option_row *last = NULL;

    fputs("hfprop carries a mask or a painted edit from one frame through a whole video.\n\nUsage:\n", out);
    for (const hf_verb_row *verb = hf_verb_table; verb->name; verb++) {
        int n = fprintf(out, "  hfprop %s %s", verb->verb == HF_VERB_RUN ? "[run]" : verb->name, verb->usage);
        print_wrapped(out, verb->help, n, n > 42 ? HELP_COLUMN : 44, width);
    }
    fputs("\nExamples:\n", out);
    for (size_t i = 0; i < N_EXAMPLES; i++)
        print_wrapped(out, examples[i][1], fprintf(out, "  %s", examples[i][0]), 53, width < 106 ? 106 : width);
    for (const hf_option_row *row = next_row(hf_option_table, options->verb); row->name;
         row = next_row(row + 1, options->verb)) {
        if (starts_group(row, last))
            fprintf(out, "\n%s:\n", row->group);
        last = row;
        format_names(names, sizeof(names), row);
        format_description(text, sizeof(text), row, options);
        print_wrapped(out, text, fprintf(out, "  %s ", names), HELP_COLUMN, width);
    }
    fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < N_EXIT_CODES; i++)
        fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

/* roff reads a backslash and a dot or quote at the start of a line as its own; '-' would become a hyphen. */
static void print_roff(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else if ((*c == '.' || *c == '\'') && c == text)
            fprintf(out, "\\&%c", *c);
        else
            fputc(*c, out);
    }
}

void hf_options_print_man(FILE *out, const char *version)
{
    hf_options defaults;
    char names[96], text[512];
    const hf_option_row *last = NULL;
    char *no_arguments[] = { "hfprop", "--help", NULL };

    hf_options_parse(&defaults, 2, no_arguments, NULL);
    fprintf(out, ".TH HFPROP 1 \"\" \"hfprop %s\" \"User Commands\"\n", version);
    fputs(".SH NAME\nhfprop \\- carry a mask or a painted edit through a video\n.SH SYNOPSIS\n", out);
    for (const hf_verb_row *verb = hf_verb_table; verb->name; verb++) {
        fprintf(out, ".B hfprop%s%s\n", verb->verb == HF_VERB_RUN ? "" : " ", verb->verb == HF_VERB_RUN ? "" : verb->name);
        if (*verb->usage) {
            print_roff(out, verb->usage);
            fputc('\n', out);
        }
        fputs(".br\n", out);
    }
    fputs(".SH DESCRIPTION\n", out);
    print_roff(out, "hfprop takes a video and what was drawn on one of its frames (a mask, several object masks, or a "
                    "painted edit), finds where each pixel went, and writes a video again. It needs no GPU and no "
                    "downloads.");
    fputs("\n.SH OPTIONS\nDefaults stand in brackets.\n", out);
    for (const hf_option_row *row = hf_option_table; row->name; last = row++) {
        if (starts_group(row, last))
            fprintf(out, ".SS %s\n", row->group);
        format_names(names, sizeof(names), row);
        format_description(text, sizeof(text), row, &defaults);
        fputs(".TP\n.B ", out);
        print_roff(out, names + strspn(names, " "));
        fputc('\n', out);
        print_roff(out, text);
        fputc('\n', out);
    }
    fputs(".SH EXAMPLES\n", out);
    for (size_t i = 0; i < N_EXAMPLES; i++) {
        fputs(".TP\n.B ", out);
        print_roff(out, examples[i][0]);
        fputc('\n', out);
        print_roff(out, examples[i][1]);
        fputc('\n', out);
    }
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < N_EXIT_CODES; i++) {
        fprintf(out, ".TP\n.B %d\n", exit_codes[i].code);
        print_roff(out, exit_codes[i].meaning);
        fputc('\n', out);
    }
    fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours.\n.TP\n.B TERM\n\"dumb\" means no bar and no colours.\n", out);
}

static void print_cell(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        fprintf(out, *c == '|' ? "\\%c" : "%c", *c);
}

void hf_options_print_markdown(FILE *out)
{
    hf_options defaults;
    char names[96], text[512], buffer[64];
    const hf_option_row *last = NULL;
    char *no_arguments[] = { "hfprop", "--help", NULL };

    hf_options_parse(&defaults, 2, no_arguments, NULL);
    for (const hf_option_row *row = hf_option_table; row->name; last = row++) {
        if (starts_group(row, last))
            fprintf(out, "%s**%s**\n\n| option | default | what it does |\n|---|---|---|\n", last ? "\n" : "", row->group);
        format_names(names, sizeof(names), row);
        const char *value = default_text(row, &defaults, buffer, sizeof(buffer));
        fprintf(out, "| `%s` | %s | ", names + strspn(names, " "), value);
        snprintf(text, sizeof(text), "%s%s%s%s", row->help, row->choices ? " (" : "", row->choices ? row->choices : "",
                 row->choices ? ")" : "");
        print_cell(out, text);
        fputs(" |\n", out);
    }
}

/* ---- completions ---- */

/* A verb's or option's choices as words of a shell. */
static void print_words(FILE *out, const char *choices)
{
    for (const char *c = choices; *c; c++)
        fputc(*c == '|' ? ' ' : *c, out);
}

static int wants_folder(const hf_option_row *row)
{
    return row->arg && strcmp(row->arg, "DIR") == 0;
}

static int wants_file(const hf_option_row *row)
{
    return row->arg && (strstr(row->arg, "FILE") || strcmp(row->arg, "OUT") == 0);
}

static void print_bash(FILE *out)
{
    fputs("# bash completion of hfprop, made by: hfprop --completion bash\n"
          "_hfprop() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  case $prev in\n",
          out);
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        if (row->kind == HF_OPT_FLAG)
            continue;
        fprintf(out, "    --%s", row->name);
        if (row->letter)
            fprintf(out, "|-%c", row->letter);
        if (row->choices) {
            fputs(") COMPREPLY=($(compgen -W \"", out);
            print_words(out, row->choices);
            fputs("\" -- \"$cur\")); return ;;\n", out);
        } else {
            fprintf(out, ") COMPREPLY=(%s); return ;;\n",
                    wants_folder(row) ? "$(compgen -d -- \"$cur\")" : wants_file(row) ? "$(compgen -f -- \"$cur\")" : "");
        }
    }
    fputs("  esac\n"
          "  if [[ $cur == -* ]]; then\n"
          "    COMPREPLY=($(compgen -W \"",
          out);
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        fprintf(out, "--%s ", row->name);
    fputs("\" -- \"$cur\"))\n"
          "  else\n"
          "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "    [[ $COMP_CWORD == 1 ]] && COMPREPLY+=($(compgen -W \"",
          out);
    for (const hf_verb_row *verb = hf_verb_table; verb->name; verb++)
        fprintf(out, "%s ", verb->name);
    fputs("\" -- \"$cur\"))\n"
          "  fi\n"
          "}\n"
          "complete -o filenames -F _hfprop hfprop\n",
          out);
}

/* Help text inside single quotes of zsh and fish. */
static void print_quoted(FILE *out, const char *text, const char *escaped)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            fputs("'\\''", out);
        else if (strchr(escaped, *c))
            fprintf(out, "\\%c", *c);
        else
            fputc(*c, out);
    }
}

static void print_zsh(FILE *out)
{
    fputs("#compdef hfprop\n# zsh completion of hfprop, made by: hfprop --completion zsh\n_arguments -s \\\n", out);
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        for (int i = 0; i < (row->letter ? 2 : 1); i++) {
            const char *repeat = row->kind == HF_OPT_KEYED ? "*" : "";
            if (i)
                fprintf(out, "  '-%c[", row->letter);
            else
                fprintf(out, "  '%s--%s[", repeat, row->name);
            print_quoted(out, row->help, "[]:");
            fputc(']', out);
            if (row->kind != HF_OPT_FLAG) {
                fputc(':', out);
                print_quoted(out, row->arg, "[]:");
                fputc(':', out);
                if (row->choices) {
                    fputc('(', out);
                    print_words(out, row->choices);
                    fputc(')', out);
                } else {
                    fputs(wants_folder(row) ? "_files -/" : wants_file(row) ? "_files" : " ", out);
                }
            }
            fputs("' \\\n", out);
        }
    fputs("  '*:input:_files'\n", out);
}

static void print_fish(FILE *out)
{
    fputs("# fish completion of hfprop, made by: hfprop --completion fish\n", out);
    for (const hf_verb_row *verb = hf_verb_table; verb->name; verb++) {
        fprintf(out, "complete -c hfprop -n __fish_use_subcommand -a %s -d '", verb->name);
        print_quoted(out, verb->help, "\\");
        fputs("'\n", out);
    }
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        fprintf(out, "complete -c hfprop -l %s", row->name);
        if (row->letter)
            fprintf(out, " -s %c", row->letter);
        if (row->kind != HF_OPT_FLAG)
            fputs(wants_file(row) || wants_folder(row) ? " -r" : " -x", out);
        if (row->choices) {
            fputs(" -a '", out);
            print_words(out, row->choices);
            fputc('\'', out);
        }
        fputs(" -d '", out);
        print_quoted(out, row->help, "\\");
        fputs("'\n", out);
    }
}

void hf_options_print_completion(FILE *out, hf_shell shell)
{
    if (shell == HF_SHELL_BASH)
        print_bash(out);
    else if (shell == HF_SHELL_ZSH)
        print_zsh(out);
    else
        print_fish(out);
}
