/* main.c - the program: read the command line, choose the verb. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/bench.h"
#include "src/cli/cmd_batch.h"
#include "src/cli/cmd_davis.h"
#include "src/cli/cmd_eval.h"
#include "src/cli/cmd_models.h"
#include "src/cli/cmd_features.h"
#include "src/cli/cmd_match.h"
#include "src/cli/cmd_pck.h"
#include "src/cli/cmd_warp.h"
#include "src/cli/doctor.h"
#include "src/hfprop.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/run.h"

#define MAX_HELP_COLUMNS 110 /* longer lines are hard to read */

static int help_columns(void)
{
    struct winsize window;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col >= 60)
        return window.ws_col < MAX_HELP_COLUMNS ? window.ws_col : MAX_HELP_COLUMNS;
    return 100;
}

static int show(const hf_options *options)
{
    switch (options->show) {
    case HF_SHOW_NOTHING:
        break;
    case HF_SHOW_HELP:
        hf_options_print_help(stdout, options, help_columns());
        break;
    case HF_SHOW_VERSION:
        printf("hfprop %s\nMIT licence\n", hf_version());
        break;
    case HF_SHOW_MAN:
        hf_options_print_man(stdout, hf_version());
        break;
    case HF_SHOW_MARKDOWN:
        hf_options_print_markdown(stdout);
        break;
    case HF_SHOW_COMPLETION:
        hf_options_print_completion(stdout, (hf_shell)options->shell);
        break;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/*
 * OpenMP's threads spin while they wait for work, and so take the processors from the threads that
 * decode and encode: a whole run took 1.6 times as long on a busy machine of 2. The runtime reads
 * its environment before main, hence the second start. A choice of the user's stays.
 */
static void wait_without_spinning(char **argv)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0 || getenv("OMP_WAIT_POLICY") || setenv("OMP_WAIT_POLICY", "passive", 0) != 0)
        return;
    path[n] = 0;
    execv(path, argv);
}

static int bench(const hf_options *options, int argc, char **argv)
{
    return hf_bench_main(argc - options->rest, argv + options->rest);
}

/* What each verb runs; the result is the exit code. */
static const struct {
    hf_verb verb;
    int (*main)(const hf_options *options, int argc, char **argv);
} commands[] = {
    { HF_VERB_RUN, hf_run_main },
    { HF_VERB_DOCTOR, hf_doctor_main },
    { HF_VERB_BENCH, bench },
    { HF_VERB_EVAL, hf_eval_main },
    { HF_VERB_MODELS, hf_models_main },
    { HF_VERB_FEATURES, hf_features_main },
    { HF_VERB_MATCH, hf_match_main },
    { HF_VERB_WARP, hf_warp_main },
    { HF_VERB_PCK, hf_pck_main },
    { HF_VERB_DAVIS, hf_davis_main },
    { HF_VERB_BATCH, hf_batch_main },
};

int main(int argc, char **argv)
{
    hf_options options;
    hf_error err = { 0 };

    wait_without_spinning(argv);

    if (argc < 2) {
        hf_options_print_usage(stderr);
        return 2;
    }
    if (hf_options_parse(&options, argc, argv, &err) < 0) {
        hf_report_error(NULL, &err);
        return hf_exit_code(err.status, HF_STAGE_USAGE);
    }
    if (options.show != HF_SHOW_NOTHING)
        return show(&options);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].verb == options.verb)
            return commands[i].main(&options, argc, argv);
    return 2;
}
