/* aggregation_files.h - the published aggregation networks and those that users train: file, settings, sizes.
 *
 * A torch file {step, config, aggregation_network, optimizer_state_dict}, as the public Diffusion Hyperfeatures code saves it.
 * The settings in its config win over everything but the command line: they are what the network was trained with.
 */
#ifndef HF_SRC_AGGREGATION_FILES_H
#define HF_SRC_AGGREGATION_FILES_H

#include <stdbool.h>
#include "src/net/aggregation.h"
#include "src/weights.h"

typedef struct hf_aggregation_file {
    const hf_weights *weights;
    char              path[1024];
    const char       *prefix;   /* for hf_aggregation_open: "aggregation_network." or "" */
    int               n_layers;
    int               channels[HF_AGGREGATION_MAX_LAYERS]; /* of the maps that go in */
    int               n_features; /* D: projection_dim */
    int               n_middle;   /* channels of the 3x3 convolutions: D / 4 */
    int               n_groups;   /* of the norms: 32, or less where the channels are not divisible */
    int               n_saved;    /* steps that are summed */
    int               save_timestep[HF_AGGREGATION_MAX_STEPS]; /* their labels, in the order of the mixing weights */
    int               n_steps;    /* num_timesteps of the schedule: 50, 1 */
    bool              has_config; /* false: the two above are from the number of mixing weights */
    char              mode[32];   /* diffusion_mode: "inversion", "generation" */
    char              model_id[256];
    char              prompt[512], negative_prompt[512];
    double            guidance;   /* guidance_scale; -1: none */
    void             *own;
} hf_aggregation_file;

/*
 * HF_EMODEL: not an aggregation network (names the array that is missing), shapes that do not fit each other, a number of
 * mixing weights that is not layers times steps, a config that contradicts them. HF_EIO, HF_EFORMAT, HF_EUNSUPPORTED,
 * HF_ENOMEM: as hf_tensor_file_open.
 */
int  hf_aggregation_file_open(hf_aggregation_file **out, const char *path, hf_error *err);
void hf_aggregation_file_close(hf_aggregation_file **file);

#endif
