/* options.h - the command line of hfprop: one table, read by everything.
 *
 * src/cli/option_table.c holds one row an option. The parser, --help, the man
 * page, the shell completions, the README's table, the sidecar's settings and
 * the comparison of --resume all walk that table: adding an option is adding a
 * row and a field.
 */
#ifndef HF_SRC_CLI_OPTIONS_H
#define HF_SRC_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "src/error.h"

#define HF_MAX_KEYS 64     /* key frames of one run */
#define HF_MAX_INPUTS 4096 /* files named on one command line */

/* What the first word of the command line chooses. A verb is a bit, so that a row can serve several. */
typedef enum hf_verb {
    HF_VERB_RUN = 1 << 0,
    HF_VERB_DOCTOR = 1 << 1,
    HF_VERB_BENCH = 1 << 2,
    HF_VERB_EVAL = 1 << 3,
    HF_VERB_MODELS = 1 << 4,
    HF_VERB_MATCH = 1 << 7,
    HF_VERB_WARP = 1 << 8,
    HF_VERB_PCK = 1 << 9,
    HF_VERB_FEATURES = 1 << 10,
    HF_VERB_DAVIS = 1 << 5,
    HF_VERB_BATCH = 1 << 6,
    HF_VERB_ALL = ~0
} hf_verb;

typedef enum hf_show { /* what is printed instead of doing the verb's work */
    HF_SHOW_NOTHING,
    HF_SHOW_HELP,
    HF_SHOW_VERSION,
    HF_SHOW_MAN,
    HF_SHOW_MARKDOWN,
    HF_SHOW_COMPLETION
} hf_show;

typedef enum hf_overwrite { HF_OVERWRITE_ASK, HF_OVERWRITE_YES, HF_OVERWRITE_NO } hf_overwrite;
typedef enum hf_auto_switch { HF_SWITCH_AUTO, HF_SWITCH_ON, HF_SWITCH_OFF } hf_auto_switch;
typedef enum hf_direction { HF_DIRECTION_BOTH, HF_DIRECTION_FORWARD, HF_DIRECTION_BACKWARD } hf_direction;
typedef enum hf_progress_mode {
    HF_PROGRESS_AUTO,
    HF_PROGRESS_BAR,
    HF_PROGRESS_LINES,
    HF_PROGRESS_NONE
} hf_progress_mode;
typedef enum hf_shell { HF_SHELL_BASH, HF_SHELL_ZSH, HF_SHELL_FISH } hf_shell;
typedef enum hf_render {
    HF_RENDER_AUTO, /* by what is drawn and where it goes */
    HF_RENDER_OVERLAY,
    HF_RENDER_MASK,
    HF_RENDER_MATTE,
    HF_RENDER_CUTOUT,
    HF_RENDER_EDIT,
    HF_RENDER_SIDE_BY_SIDE,
    HF_RENDER_COLORMAP
} hf_render;

/* N=FILE of --mask and --edit. */
typedef struct hf_keyed_path {
    int64_t     frame; /* -1: no number was given, the first frame that is used */
    const char *path;
} hf_keyed_path;

typedef struct hf_keyed_list {
    hf_keyed_path item[HF_MAX_KEYS];
    int           n;
} hf_keyed_list;

typedef struct hf_rate {
    int num, den; /* 0/0: not given */
} hf_rate;

/* Strings point into argv. 0 in a number with the word "auto" means auto. */
typedef struct hf_options {
    hf_verb     verb;
    hf_show     show;
    const char *input; /* the first of inputs, or NULL */
    const char *inputs[HF_MAX_INPUTS];
    int         n_inputs;
    int         argc; /* the whole command line, for what tells of it */
    char      **argv;
    int         rest; /* HF_VERB_BENCH: index in argv of its own first argument */

    int64_t from, to; /* frames, both included; to = -1: to the end */
    hf_rate fps;
    int     deinterlace; /* 1 auto, 0 off */

    hf_keyed_list mask;
    int           mask_colors; /* hf_mask_mode */
    int           mask_tolerance; /* 0..255 */
    int           mask_fit;    /* hf_fit */
    int           direction;   /* hf_direction */
    hf_keyed_list edit;
    int           edit_threshold; /* 0: auto */

    const char *model, *weights, *device;
    int         precision; /* hf_precision */
    int         layer, all_layers;
    const char *aggregation;
    int         facet; /* hf_facet */
    int         stride, bins;
    const char *encoder;
    int         diffusion, output, fit; /* hf_diffusion_way, hf_network_output, hf_picture_fit */
    int         square_px;
    int         n_steps, n_run;
    const char *save_steps, *prompt, *negative_prompt;
    double      guidance;
    int         seed, timestep, up_block, n_ensemble;
    int         size;
    int         match; /* hf_match_mode */
    const char *flow;  /* folder of fields; NULL: matches are found here */
    int         flow_way; /* hf_flow_way */
    int         n_recent, k, radius_cells;
    double      temperature;
    int         refine; /* hf_auto_switch */
    int         grow_px, despeckle_px, fill_holes_px;
    double      matte_contrast, feather_px;

    const char *out, *masks_dir, *mattes_dir;
    int         matte_16; /* bits of the mattes: 0: 8, 1: 16 */
    int         render; /* hf_render */
    double      opacity;
    int         start_number; /* -1: from the input's names, or 0 */
    const char *codec, *preset;
    int         crf; /* -1: the codec's own */
    int         overwrite;
    int         resume, dry_run;
    const char *sidecar;

    int n_threads;
    int hwdec; /* hf_auto_switch */
    int batch; /* images computed together; 0: what suits the device */

    /* hfprop davis and batch: many runs. input is the tree, the list or the folder, out the folder of results. */
    int         n_jobs;
    const char *memory, *shard, *archive, *name_out; /* "4G", "k/n" */
    int         score_only;

    /* hfprop eval and davis; of eval, input is the folder of results, out the folder of the files. */
    const char *davis, *split, *resolution, *sequences;
    int         year;            /* 0: auto, 1: 2016, 2: 2017 */
    int         objects;         /* hf_eval_objects */
    int         void_means;      /* hf_eval_void */
    int         single_object, keep_first_last;
    const char *report;          /* path of the HTML page, or NULL */

    /* hfprop match, warp, pck: describe.h, correspond.h, pck.h. */
    const char *mask_a, *mask_b, *features_dir;
    int         squeeze;
    const char *points, *field; /* match */
    int         select;         /* hf_select_how */
    int         n_select, by_pixels;
    double      apart_cells;
    int         warp_splat, warp_colormap, warp_over, panel; /* warp */
    const char *images, *alphas, *key_split, *pairs_path, *layers, *at_steps; /* pck */
    int         base; /* 0 both, else 1 + hf_pck_base */
    int         box;  /* 0 auto, else 1 + hf_pck_box */
    int         strictly, eval_size, max_pairs, both_ways;

    /* hfprop features */
    const char *pca;
    int         per_layer, as_safetensors;

    int         json;
    const char *log_path;
    int         progress;
    int         verbosity; /* -1 quiet, 0, 1 verbose */
    int         no_color, strict;
    int         shell;
} hf_options;

typedef enum hf_option_kind {
    HF_OPT_FLAG,   /* no argument: stores `value` */
    HF_OPT_INT,    /* int */
    HF_OPT_INT64,
    HF_OPT_REAL,   /* double */
    HF_OPT_RATE,   /* 25, 23.976 or 30000/1001 */
    HF_OPT_CHOICE, /* int: position in `choices` */
    HF_OPT_TEXT,   /* const char * */
    HF_OPT_KEYED   /* hf_keyed_list, may be repeated */
} hf_option_kind;

typedef enum hf_option_role { /* what the rest of the program needs to know of an option */
    HF_ROLE_RESULT,  /* changes what is written: --resume wants it unchanged */
    HF_ROLE_MANNER,  /* changes only how the work is done or told */
    HF_ROLE_SHOW     /* prints something and ends */
} hf_option_role;

typedef struct hf_option_row {
    const char    *group; /* heading in --help */
    const char    *name;  /* without the dashes; one name may have rows for several verbs */
    char           letter; /* 0: none */
    const char    *arg;   /* name of the argument in help; NULL for flags */
    hf_option_kind kind;
    hf_option_role role;
    int            verbs; /* mask of hf_verb */
    size_t         field; /* offset in hf_options */
    const char    *initial; /* default, parsed as if typed; NULL: zero bytes */
    double         min, max; /* numbers, both included */
    int            value;    /* HF_OPT_FLAG */
    const char    *word;     /* a word that stands for the default besides numbers ("auto"), or NULL */
    const char    *choices;  /* "a|b|c" */
    const char    *help;     /* one sentence, no full stop */
} hf_option_row;

typedef struct hf_verb_row {
    hf_verb     verb;
    const char *name;
    const char *usage; /* what follows the name */
    const char *help;
    int         raw;      /* 1: reads its own arguments */
    int         n_inputs; /* files it needs */
    int         max_inputs;
    const char *missing;  /* what is said when there are fewer */
} hf_verb_row;

/* The tables; both end with a NULL name. */
extern const hf_option_row hf_option_table[];
extern const hf_verb_row   hf_verb_table[];

/*
 * Read the command line into *options, defaults first. Strings keep pointing
 * into argv. Returns HF_EARG with a line that names the option, what was
 * found, what is allowed and, for a misspelt option, the nearest one.
 */
int hf_options_parse(hf_options *options, int argc, char **argv, hf_error *err);

/* What an empty command line of this verb gives. */
void hf_options_init(hf_options *options, hf_verb verb);

/* Put one value, as it is written on the command line or in the table, into its field. Texts are borrowed, key frames
 * added to those before. HF_EARG names the option, what was found and what is wanted. */
int hf_option_store(hf_options *options, const hf_option_row *row, const char *text, hf_error *err);

/* The current value of one row as text ("" where nothing is set). buffer of at least 64 bytes;
 * HF_OPT_TEXT returns the text itself. Not for HF_OPT_KEYED. */
const char *hf_option_text(const hf_option_row *row, const hf_options *options, char *buffer, size_t size);

/* Documents made from the table, written to `out`. width: columns of the terminal. */
void hf_options_print_help(FILE *out, const hf_options *options, int width);
void hf_options_print_usage(FILE *out); /* three lines, for a call without arguments */
void hf_options_print_man(FILE *out, const char *version);
void hf_options_print_markdown(FILE *out);
void hf_options_print_completion(FILE *out, hf_shell shell);

#endif
