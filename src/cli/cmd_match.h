/* cmd_match.h - the verb `hfprop match A B`: where points of one image are in another.
 *
 * cmd_match.c    which points, and their matches
 * match_tell.c   the table, JSON and the picture of them
 */
#ifndef HF_SRC_CLI_CMD_MATCH_H
#define HF_SRC_CLI_CMD_MATCH_H

#include <stdio.h>
#include "src/cli/pair.h"

/* The verb. Returns the exit code; has told everything. */
int hf_match_main(const hf_options *options, int argc, char **argv);

/* One match: pixels of either image. */
typedef struct hf_found {
    double x, y;               /* in A */
    double to_x, to_y;         /* in B */
    float  similarity;
    float  margin;             /* lead over the runner-up; that has cosine -1 at least */
    double second_x, second_y; /* the runner-up; NaN: there is none */
} hf_found;

typedef struct hf_found_list {
    hf_found *item;
    int       n;
    double    apart_px; /* distance from which a runner-up counts, in pixels of B */
} hf_found_list;

/* HF_EIO if out cannot be written, HF_ENOMEM. */
int hf_match_print(FILE *out, const hf_found_list *list, hf_error *err);
int hf_match_print_json(FILE *out, const hf_found_list *list, const hf_pair *pair, const hf_options *options,
                        hf_error *err);

/* Both images beside each other, numbered points, lines between them. What hf_canvas_write returns. */
int hf_match_draw(const char *path, const hf_found_list *list, const hf_pair *pair, hf_error *err);

#endif
