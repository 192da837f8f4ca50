/* pck_run.h - score a model on annotated pairs: the work of `hfprop pck`.
 *
 * pck_run.c    pairs through one model
 * cmd_pck.c    options, sweeps over layers
 * pck_tell.c   the table, JSON, CSV and the chart
 */
#ifndef HF_SRC_CLI_PCK_RUN_H
#define HF_SRC_CLI_PCK_RUN_H

#include <stdio.h>
#include "io/keypoints.h"
#include "propagate/pck.h"
#include "src/cli/describe.h"
#include "src/cli/exit_code.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

/* What is counted: the alphas of `params` times one or two bases. */
typedef struct hf_pck_setup {
    hf_pck_params params;   /* base apart */
    hf_pck_base   bases[2];
    int           n_bases;
    const char   *images;   /* folder */
    int           n_pairs;  /* the first so many */
} hf_pck_setup;

/* One pair, for the CSV. */
typedef struct hf_pck_row {
    int    n;
    int    hits[2][HF_PCK_MAX_ALPHAS];
    double mean_px;
} hf_pck_row;

/* Results of one model or layer. */
typedef struct hf_pck_result {
    char         label[16];  /* of the layer: "4"; "" where nothing is swept */
    char         series[48]; /* "inversion, step 40"; "" where only layers are swept */
    char         model[512];
    hf_pck_tally tally[2];  /* by base */
    hf_pck_row  *rows;      /* [n_pairs] */
} hf_pck_result;

/* Called after every pair. */
typedef void (*hf_pck_tick)(void *ctx);

/*
 * All pairs of the setup through one describer. *stage: what was being done when it failed. Errors of the readers and the
 * model; HF_EFORMAT for an image of another size than its annotation says, and for a box that is missing.
 */
int  hf_pck_run(hf_pck_result *result, hf_describer *describer, const hf_keypoints *set, const hf_pck_setup *setup,
                hf_pck_tick tick, void *ctx, hf_stage *stage, hf_error *err);
void hf_pck_result_free(hf_pck_result *result);

/* ---- pck_tell.c ---- */

typedef struct hf_pck_report {
    const hf_options    *options;
    const hf_keypoints  *set;
    const hf_pck_setup  *setup;
    const hf_pck_result *results;
    int                  n_results;
    const char          *features; /* "shorter side 480", "squeezed to 512x512" */
} hf_pck_report;

/* HF_EIO, HF_ENOMEM. */
int hf_pck_print(FILE *out, const hf_pck_report *report, hf_error *err);
int hf_pck_print_json(FILE *out, const hf_pck_report *report, hf_error *err);

/* pck.json and pairs.csv, of a sweep layers.csv and layers.svg, into a folder that is made if it is not there. */
int hf_pck_write(const char *folder, const hf_pck_report *report, hf_error *err);

#endif
