/* test_options.c - the command line: what is accepted, and what each refusal says. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "propagate/context.h"
#include "src/cli/options.h"

#define MAX_WORDS 16

static hf_options opt;
static hf_error   err;

/* Split at blanks and parse. The words live until the process ends: each Criterion test is one. */
static int parse(const char *line)
{
    char *words[MAX_WORDS] = { "hfprop" }, *text = strdup(line);
    int n = 1;
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        words[n++] = w;
    words[n] = NULL;
    err = (hf_error){ 0 };
    return hf_options_parse(&opt, n, words, &err);
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    print(f);
    fclose(f);
    return text;
}

Test(options, the_usual_call_is_read)
{
    cr_assert_eq(parse("video.mp4 --mask first.png -o out.mov -t4 -yq --size=360"), HF_OK);
    cr_assert_eq(opt.verb, HF_VERB_RUN);
    cr_assert_str_eq(opt.input, "video.mp4");
    cr_assert_eq(opt.mask.n, 1);
    cr_assert_eq(opt.mask.item[0].frame, -1);
    cr_assert_str_eq(opt.mask.item[0].path, "first.png");
    cr_assert_str_eq(opt.out, "out.mov");
    cr_assert_eq(opt.n_threads, 4);
    cr_assert_eq(opt.overwrite, HF_OVERWRITE_YES);
    cr_assert_eq(opt.verbosity, -1);
    cr_assert_eq(opt.size, 360);
}

Test(options, defaults_come_from_the_table)
{
    cr_assert_eq(parse("v.mp4 --mask a.png"), HF_OK);
    cr_assert_str_eq(opt.model, "tiny");
    cr_assert_eq(opt.to, -1);
    cr_assert_eq(opt.opacity, 0.5);
    cr_assert_eq(opt.deinterlace, 1);
    cr_assert_eq(opt.crf, -1);
    cr_assert_eq(opt.mask_tolerance, 16);
    cr_assert_eq(opt.progress, HF_PROGRESS_AUTO);
}

Test(options, the_word_of_a_number_means_its_default)
{
    cr_assert_eq(parse("v.mp4 --mask a.png --size 100 --size auto --to end --crf auto --fps auto"), HF_OK);
    cr_assert_eq(opt.size, 0);
    cr_assert_eq(opt.to, -1);
    cr_assert_eq(opt.crf, -1);
    cr_assert_eq(opt.fps.den, 0);
}

Test(options, key_frames_have_numbers)
{
    cr_assert_eq(parse("v.mp4 --mask 0=a.png --mask 120=b.png --edit 7=c=d.png"), HF_OK);
    cr_assert_eq(opt.mask.n, 2);
    cr_assert_eq(opt.mask.item[1].frame, 120);
    cr_assert_str_eq(opt.mask.item[1].path, "b.png");
    cr_assert_eq(opt.edit.item[0].frame, 7);
    cr_assert_str_eq(opt.edit.item[0].path, "c=d.png");
}

Test(options, an_equals_sign_behind_a_slash_belongs_to_the_name)
{
    cr_assert_eq(parse("v.mp4 --mask ./a=b.png"), HF_OK);
    cr_assert_eq(opt.mask.item[0].frame, -1);
    cr_assert_str_eq(opt.mask.item[0].path, "./a=b.png");
}

Test(options, frame_rates_are_exact)
{
    const struct { const char *text; int num, den; } cases[] = {
        { "25", 25, 1 }, { "30000/1001", 30000, 1001 }, { "23.976", 24000, 1001 },
        { "29.97", 30000, 1001 }, { "12.5", 12500, 1000 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "v/ --mask a.png --fps %s", cases[i].text);
        cr_assert_eq(parse(line), HF_OK, "%s: %s", cases[i].text, err.text);
        cr_assert_eq(opt.fps.num, cases[i].num, "%s", cases[i].text);
        cr_assert_eq(opt.fps.den, cases[i].den, "%s", cases[i].text);
    }
}

Test(options, everything_after_two_dashes_is_a_file)
{
    cr_assert_eq(parse("--mask a.png -- --json"), HF_OK);
    cr_assert_str_eq(opt.input, "--json");
    cr_assert_eq(opt.json, 0);
}

Test(options, verbs_are_read_first)
{
    cr_assert_eq(parse("doctor"), HF_OK);
    cr_assert_eq(opt.verb, HF_VERB_DOCTOR);
    cr_assert_eq(parse("bench match --anything"), HF_OK);
    cr_assert_eq(opt.verb, HF_VERB_BENCH);
    cr_assert_eq(opt.rest, 2);
    cr_assert_eq(parse("eval results --davis d --year 2017 -o scores"), HF_OK);
    cr_assert_eq(opt.verb, HF_VERB_EVAL);
    cr_assert_str_eq(opt.input, "results");
    cr_assert_eq(parse("run v.mp4 --mask a.png"), HF_OK);
    cr_assert_eq(opt.verb, HF_VERB_RUN);
}

Test(options, every_refusal_names_the_option_and_what_is_wanted)
{
    static const struct { const char *line, *text; } cases[] = {
        { "", "no input" },
        { "v.mp4", "nothing to carry" },
        { "--mask a.png", "no input" },
        { "v.mp4 w.mp4 --mask a.png", "two inputs (v.mp4 and w.mp4)" },
        { "v.mp4 --maks a.png", "did you mean --mask?" },
        { "v.mp4 --threds 2", "did you mean --threads?" },
        { "v.mp4 --feath 2", "did you mean --feather?" },
        { "v.mp4 --zebra", "--zebra: no such option; hfprop --help" },
        { "v.mp4 -Z", "-Z: no such option" },
        { "v.mp4 --mask", "--mask: needs a value ([N=]FILE)" },
        { "v.mp4 --mask --json", "found the option --json" },
        { "v.mp4 --json=1 --mask a.png", "--json: takes no value" },
        { "v.mp4 --mask abc=a.png", "\"abc\" is not a frame number" },
        { "v.mp4 --mask =a.png", "is not N=FILE" },
        { "v.mp4 --mask 3=", "names no file" },
        { "v.mp4 --mask -3=a.png", "frame -3 is out of range" },
        { "v.mp4 --mask a.png --mask b.png", "two files without a frame number" },
        { "v.mp4 --mask 3=a.png --mask 3=b.png", "frame 3 is given twice (a.png and b.png)" },
        { "v.mp4 --mask a.png --size 0", "--size: 0 is out of range, want 32..8192 or auto" },
        { "v.mp4 --mask a.png --size 12x", "--size: \"12x\" is not a whole number" },
        { "v.mp4 --mask a.png --size 99999999999999999999", "out of range" },
        { "v.mp4 --mask a.png --size 1e3", "is not a whole number" },
        { "v.mp4 --mask a.png --opacity nan", "--opacity: \"nan\" is not a number" },
        { "v.mp4 --mask a.png --opacity 1.5", "--opacity: 1.5 is out of range, want 0..1" },
        { "v.mp4 --mask a.png --opacity 0x1", "is not a number" },
        { "v.mp4 --mask a.png --temperature -1", "--temperature: -1 is out of range" },
        { "v.mp4 --mask a.png --match both", "want one of auto|first|context" },
        { "v.mp4 --mask a.png --render foo", "--render: \"foo\" is not known" },
        { "v.mp4 --mask a.png --fps 0", "--fps: 0 is out of range" },
        { "v.mp4 --mask a.png --fps 25/0", "frame rate such as" },
        { "v.mp4 --mask a.png --fps abc", "frame rate such as" },
        { "v.mp4 --mask a.png --from 10 --to 5", "--from 10 is after --to 5" },
        { "v.mp4 --mask a.png -o - --json", "already carries the video" },
        { "v.mp4 --mask a.png --model=", "--model: empty" },
        { "docter", "did you mean doctor?" },
        { "doctor v.mp4", "hfprop doctor takes no file" },
        { "eval --davis d", "want hfprop eval RESULTS --davis DIR" },
        { "eval r", "nothing to score r against, want --davis DIR" },
        { "eval r --davis d --year 2018", "want one of auto|2016|2017" },
        { "eval r --davis d --void all", "want one of auto|background|exclude|object" },
        { "eval r --davis d --objects all", "want one of first|seen" },
        { "davis d", "no folder for the results of d, want -o RESULTS" },
        { "davis -o r", "no DAVIS tree" },
        { "davis d -o r --mask a.png", "--mask: not an option of hfprop davis" },
        { "batch l", "want -o RESULTS" },
        { "batch l -o r --score-only", "--score-only: not an option of hfprop batch" },
        { "batch l -o r --jobs 0", "--jobs: 0 is out of range, want 1..1024" },
        { "v.mp4 --mask a.png --jobs 2", "--jobs: not an option of hfprop run" },
        { "doctor --mask a.png", "--mask: not an option of hfprop doctor" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(parse(cases[i].line), HF_EARG, "%s: was accepted", cases[i].line);
        cr_assert(strstr(err.text, cases[i].text), "%s: says \"%s\", want \"%s\"", cases[i].line, err.text,
                  cases[i].text);
    }
}

/* A call that is whole but for the option. */
static const char *call_of(const hf_option_row *row)
{
    static const struct {
        hf_verb     verb;
        const char *line;
    } calls[] = {
        { HF_VERB_RUN, "v --mask a" },      { HF_VERB_EVAL, "eval r --davis d" }, { HF_VERB_DAVIS, "davis d -o r" },
        { HF_VERB_BATCH, "batch l -o r" },  { HF_VERB_MATCH, "match a b" },       { HF_VERB_WARP, "warp a b -o c.png" },
        { HF_VERB_PCK, "pck a --images b" }, { HF_VERB_FEATURES, "features a -o b" },
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (row->verbs & (int)calls[i].verb)
            return calls[i].line;
    cr_assert_fail("--%s: no call of its verb in this test", row->name);
    return "";
}

Test(options, every_number_in_the_table_refuses_junk_and_its_range_ends)
{
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        char line[128];
        if (row->kind != HF_OPT_INT && row->kind != HF_OPT_INT64 && row->kind != HF_OPT_REAL)
            continue;
        const char *junk[] = { "x", "1x", "--", "1,5" };
        for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
            snprintf(line, sizeof(line), "%s --%s=%s", call_of(row), row->name, junk[i]);
            cr_assert_eq(parse(line), HF_EARG, "%s", line);
            cr_assert(strstr(err.text, row->name), "%s", err.text);
        }
        snprintf(line, sizeof(line), "%s --%s=%.0f", call_of(row), row->name, row->max + 1);
        cr_assert_eq(parse(line), HF_EARG, "%s", line);
        snprintf(line, sizeof(line), "%s --%s=%.0f", call_of(row), row->name, floor(row->min) - 1);
        cr_assert_eq(parse(line), HF_EARG, "%s", line);
        snprintf(line, sizeof(line), "%s --%s=%.15g", call_of(row), row->name, row->max);
        cr_assert_eq(parse(line), HF_OK, "%s: %s", line, err.text);
    }
}

Test(options, the_documents_name_every_option)
{
    char *man = NULL, *help = NULL, *text;
    size_t size;
    char dashed[80];

    FILE *f = open_memstream(&help, &size);
    for (const hf_verb_row *verb = hf_verb_table; verb->name; verb++) { /* each verb's help lists its own options */
        char line[80];
        if (verb->raw)
            continue;
        snprintf(line, sizeof(line), "%s --help", verb->name);
        cr_assert_eq(parse(line), HF_OK);
        cr_assert_eq(opt.show, HF_SHOW_HELP);
        hf_options_print_help(f, &opt, 100);
    }
    fclose(f);
    f = open_memstream(&man, &size);
    hf_options_print_man(f, "1.0");
    fclose(f);
    text = printed(hf_options_print_markdown);
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        snprintf(dashed, sizeof(dashed), "--%s", row->name);
        cr_assert(strstr(help, dashed), "%s", dashed);
        cr_assert(strstr(text, dashed), "%s", dashed);
        char roff[96] = "\\-\\-";
        for (const char *c = row->name; *c; c++)
            snprintf(roff + strlen(roff), sizeof(roff) - strlen(roff), *c == '-' ? "\\-" : "%c", *c);
        cr_assert(strstr(man, roff), "%s", roff);
        for (int shell = HF_SHELL_BASH; shell <= HF_SHELL_FISH; shell++) {
            char *completion = NULL;
            f = open_memstream(&completion, &size);
            hf_options_print_completion(f, (hf_shell)shell);
            fclose(f);
            cr_assert(strstr(completion, row->name), "%s, shell %d", row->name, shell);
            free(completion);
        }
    }
    free(help);
    free(man);
    free(text);
}

Test(options, the_help_shows_what_is_set_now)
{
    char *help = NULL;
    size_t size;
    cr_assert_eq(parse("--size 300 --help"), HF_OK);
    FILE *f = open_memstream(&help, &size);
    hf_options_print_help(f, &opt, 200);
    fclose(f);
    cr_assert(strstr(help, "[300]"));
    cr_assert(strstr(help, "[tiny]"));
    free(help);
}

static void check_said_default(const char *name, double value)
{
    char wanted[64];
    const hf_option_row *row = hf_option_table;
    snprintf(wanted, sizeof(wanted), "auto: %g", value);
    while (row->name && strcmp(row->name, name) != 0)
        row++;
    cr_assert(row->name && strstr(row->help, wanted), "--%s does not say \"%s\"", name, wanted);
}

Test(options, the_help_says_what_auto_is_in_matching)
{
    hf_context_params p = HF_CONTEXT_DEFAULTS;
    check_said_default("recent", p.n_recent);
    check_said_default("k", p.k);
    check_said_default("radius", p.radius_cells);
    check_said_default("temperature", (double)p.temperature);
}

Test(options, names_and_letters_are_unique_in_each_verb)
{
    for (const hf_option_row *a = hf_option_table; a->name; a++)
        for (const hf_option_row *b = a + 1; b->name; b++) {
            int is_same = strcmp(a->name, b->name) == 0;
            cr_assert(!is_same || !(a->verbs & b->verbs), "--%s", a->name);
            cr_assert(!a->letter || a->letter != b->letter || is_same, "-%c", a->letter);
        }
}
