/* sd_settings.h - what a model made of Stable Diffusion weights is to compute: one answer out of the preset, the
 * aggregation network's file and the user's choices, in this order of rising rank.
 */
#ifndef HF_SRC_SD_SETTINGS_H
#define HF_SRC_SD_SETTINGS_H

#include "src/aggregation_files.h"
#include "src/hfprop.h"
#include "src/presets.h"

typedef struct hf_sd_settings {
    hf_sd_features   features; /* one layer and all of them: HF_SD_CONCAT */
    hf_diffusion_way way;      /* never AUTO */
    hf_prediction    prediction;
    bool             is_padded;
    int              square_px;
    int              n_steps, n_run; /* n_run 0: as many as needed */
    int              n_labels;
    int              labels[HF_AGGREGATION_MAX_STEPS]; /* saved steps */
    int              rows[HF_AGGREGATION_MAX_STEPS];   /* HYPERFEATURES: their places among the mixing weights' steps */
    unsigned         branches; /* bit i: decoder ResNet i */
    const char      *prompt, *negative_prompt; /* never NULL; borrowed from params or file */
    float            guidance; /* 0: none */
    int              seed;     /* 0: the mean */
    int              timestep, up_block, n_ensemble; /* DIFT; up_block from 0 */
} hf_sd_settings;

/* The kind of features alone: what must be known before files are opened. Layers that are asked for mean HF_SD_CONCAT. */
hf_sd_features hf_sd_features_of(const hf_preset *preset, const hf_model_params *params);

/*
 * aggregation: NULL unless features are HF_SD_HYPERFEATURES. HF_EARG: a number out of range, a list of steps that cannot be read,
 * a step that the aggregation network was not trained for, settings that contradict each other; HF_EMODEL: an aggregation
 * network for other layers than this U-Net's.
 */
int hf_sd_settings_make(hf_sd_settings *out, const hf_preset *preset, const hf_model_params *params,
                        const hf_sd_files *files, const hf_aggregation_file *aggregation, hf_error *err);

#endif
