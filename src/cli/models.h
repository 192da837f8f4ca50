/* models.h - what the verb `hfprop models` says of models and of the files of their weights.
 *
 * Each answer is made as a JSON object; --json prints it, and a printer beside it makes a text of the same object.
 */
#ifndef HF_SRC_CLI_MODELS_H
#define HF_SRC_CLI_MODELS_H

#include <jansson.h>
#include <stdio.h>
#include "src/aggregation_files.h"
#include "src/dino_files.h"
#include "src/net/vit.h"
#include "src/presets.h"

#define HF_MODELS_MAX_NETWORKS 8 /* aggregation networks beside one model */

/* What a user named: weights of Stable Diffusion or of a vision transformer, with or without aggregation networks, or
 * an aggregation network alone. */
typedef struct hf_models_target {
    char                 name[HF_SD_PATH]; /* as given */
    const hf_preset     *preset;           /* NULL: a path was given */
    hf_sd_files         *files;            /* NULL: no Stable Diffusion */
    hf_dino_files       *dino;             /* NULL: no vision transformer */
    hf_vit_sizes         sizes;            /* of dino */
    hf_aggregation_file *networks[HF_MODELS_MAX_NETWORKS];
    int                  n_networks;
} hf_models_target;

/*
 * Open the files of a model by name, or those of a path or cached repository: a model with the aggregation networks in its
 * folder, or one aggregation network. weights, aggregation: what --weights and --aggregation gave,
 * or NULL. Errors: as hf_sd_files_open,
 * hf_dino_files_open, hf_aggregation_file_open, hf_preset_*; HF_EARG for a model that has no files.
 */
int  hf_models_open(hf_models_target **out, const char *name, const char *weights,
                    const char *aggregation, hf_error *err);
void hf_models_close(hf_models_target **target);

/*
 * {"models", "cache"}. Each model: "name", "what", "state", "ready", "needs". "state" is "ready", "no files", or "broken" where a
 * file is here that cannot be opened; each of "needs" has "path" (null: not here) and "problem" (null: none; else
 * what is missing, where it was looked for, or what is wrong with it). A new reference; NULL only without memory.
 */
json_t *hf_models_list_json(void);
void    hf_models_list_print(FILE *out, const json_t *list);

/* Layout, parts with sizes and settings, mixing weights. A new reference. */
json_t *hf_models_info_json(const hf_models_target *target);
void    hf_models_info_print(FILE *out, const json_t *info);

/*
 * Hold every array that the networks ask for against its shape, look for numbers that are not finite, and compare files
 * with the checksums that the Hugging Face cache names them by. text (may be NULL) gets each finding as it is made.
 * *report: a new reference; its "ok" says how it went. HF_EIO, HF_ENOMEM: could not go on.
 */
int hf_models_verify(json_t **report, const hf_models_target *target, FILE *text, hf_error *err);

/* Text for a terminal: control characters become '?'. */
void hf_models_put(FILE *out, const char *text);

#endif
