/* presets.h - the names of models made of Stable Diffusion weights: what each computes, which files it needs.
 *
 * A preset is a row: settings of the sd model, and where its files come from. A user's own choice is any preset with
 * some settings changed. Files are never downloaded here.
 */
#ifndef HF_SRC_PRESETS_H
#define HF_SRC_PRESETS_H

#include <stddef.h>
#include "src/sd_files.h"

typedef enum hf_sd_features {
    HF_SD_HYPERFEATURES, /* the aggregation network over the decoder's branches */
    HF_SD_LAYER,         /* one branch of the decoder, `layer` */
    HF_SD_CONCAT,        /* all branches at one step, side by side */
    HF_SD_DIFT           /* output of up block `up_block` at time step `t`, mean of `n_ensemble` noises */
} hf_sd_features;

typedef struct hf_preset {
    const char       *name, *what;
    hf_sd_family      family;
    hf_sd_features    features;
    hf_ddim_direction direction;
    int               n_steps;     /* of the schedule; 0: as the aggregation file says */
    int               n_run;       /* steps that are run of them; 0: all that are needed */
    int               layer;       /* HF_SD_LAYER: 1..12 */
    int               t, up_block, n_ensemble; /* HF_SD_DIFT; up_block 0..3 */
    const char *const *repos;      /* repositories of the weights, in the order they are looked for; NULL-terminated */
    const char       *licence;     /* of the weights */
    const char       *aggregation; /* "aggregation_network.pt", NULL: none */
} hf_preset;

/* NULL-terminated by name. */
const hf_preset *hf_preset_list(void);
const hf_preset *hf_preset_find(const char *name); /* NULL: no such preset */

/* Where the published aggregation networks are: repository and folder in it. */
#define HF_AGGREGATION_REPO "g-luo/diffusion-hyperfeatures"
#define HF_AGGREGATION_FOLDER "weights"
#define HF_AGGREGATION_LICENCE "none stated: ask its authors before passing it on"

/*
 * What hf_sd_files_open takes. given: a path or ORG/NAME, or NULL: the first of the preset's repositories that is in the
 * Hugging Face cache. HF_EMODEL: none is; the text names them and how to get one.
 */
int hf_preset_weights(char *path, size_t size, const hf_preset *preset, const char *given, hf_error *err);

/*
 * The aggregation network of a preset. given: a path, or NULL: `aggregation` of the preset beside or in `weights` (as found
 * above), then in the cache. HF_EMODEL: not there; HF_EARG: the preset has none.
 */
int hf_preset_aggregation(char *path, size_t size, const hf_preset *preset, const char *given, const char *weights,
                          hf_error *err);

/* The preset for a user's own weights that come without a name: sd15 or sd21. */
const hf_preset *hf_preset_of_family(hf_sd_family family);

#endif
