/* check_networks.h - what the parts of check_networks share. */
#ifndef HF_TESTS_CHECK_NETWORKS_H
#define HF_TESTS_CHECK_NETWORKS_H

#include "src/model.h"

typedef struct check {
    hf_backend *ref, *cpu, *device;
    const char *golden; /* folder tests/golden */
    bool        quick;  /* small and few: for compute-sanitizer and the emulation */
    int         n_passed, n_failed, n_skipped;
} check;

/* Count and print a comparison: found is to be at most, or with at_least to be at least, the limit. */
void check_limit(check *c, const char *what, const char *measure, double found, double limit, bool at_least);
/* Count and print that something was refused: skipped for HF_EUNSUPPORTED, else failed. */
void check_refusal(check *c, const char *what, int rc, const hf_error *err);

/* Zeroed host memory, freed by the caller; ends the program where there is none. */
void *check_memory(size_t bytes);

/* host to new memory of the backend and back; NULL after a failure. */
int check_upload(hf_backend *be, hf_tensor *out, const hf_tensor *host, hf_error *err);
int check_download(hf_backend *be, void *host, const hf_tensor *t, hf_error *err);

/* |a - b| / |b|; infinite for what is not a number. */
double check_distance(const float *a, const float *b, int64_t n);

/* A picture of soft shapes, moved by some pixels: u8 [H,W,3]. */
void check_picture(uint8_t *rgb, int W, int H, double move_x, double move_y);

/* Features of n_pictures u8 [N,H,W,3] in host memory (freed by the caller). The model is opened, run n_runs times and
 * closed; what every run gives is to be the same to the last bit: same is told. */
int check_features(float **features, int64_t *n, bool *same, hf_backend *be, const hf_model_params *params, const uint8_t *rgb,
                   int N, int W, int H, int n_runs, hf_error *err);

void check_models(check *c);                     /* check_networks_models.c: small networks */
void check_matching(check *c);                   /* check_networks_match.c: exact match, splat, context */
void check_full(check *c, const char *folder);   /* check_networks_full.c: SD 1.5 at its real size */

#endif
