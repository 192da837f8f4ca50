/* first.h - launches of the steps of `--match first` and of push-pull; contracts: propagate/first_ops.h, fill.h. */
#ifndef HF_CUDA_FIRST_H
#define HF_CUDA_FIRST_H

#include <cuda_runtime_api.h>

#include "propagate/first_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* asked_only: hf_first_ops.draw_asked. */
cudaError_t hf_cuda_first_draw_launch(float *out, const hf_first_field *field, const hf_drawing *drawing, int c0, int C,
                                      bool asked_only, cudaStream_t stream);
cudaError_t hf_cuda_first_ask_launch(const hf_first_field *field, cudaStream_t stream);
cudaError_t hf_cuda_first_deal_launch(float *soft, float *edit, const float *group, const hf_first_field *field,
                                      int n_labels, int c0, int C, cudaStream_t stream);
cudaError_t hf_cuda_first_move_launch(float *moved, const hf_first_field *field, cudaStream_t stream);
cudaError_t hf_cuda_first_place_launch(float *xy, const float *moved, const hf_first_field *field, cudaStream_t stream);
cudaError_t hf_cuda_first_trust_launch(float *cover, const hf_first_field *field, cudaStream_t stream);
cudaError_t hf_cuda_mean_launch(float *mean, const float *values, int64_t n, cudaStream_t stream);

/* Levels of push-pull: [0] is the caller's data and weight. Each is half the size of the one before, rounded up; the
 * last is 1 x 1. */
enum { HF_CUDA_FILL_MAX_LEVELS = 32 };

typedef struct hf_cuda_fill_level {
    int    w, h;
    float *data, *weight; /* [h,w,C], [h,w] */
} hf_cuda_fill_level;

typedef struct hf_cuda_fill_levels {
    int                n;
    hf_cuda_fill_level of[HF_CUDA_FILL_MAX_LEVELS];
} hf_cuda_fill_levels;

cudaError_t hf_cuda_fill_launch(const hf_cuda_fill_levels *levels, int C, cudaStream_t stream);

/* The table, and push-pull in it: cuda/first.c, cuda/fill.c. */
extern const hf_first_ops hf_cuda_first_ops;
int  hf_cuda_push_pull_new(hf_backend *be, hf_fill **out, int width, int height, int max_channels, hf_error *err);
int  hf_cuda_push_pull_run(hf_backend *be, hf_fill *fill, float *data, const float *weight, int C, hf_error *err);
void hf_cuda_push_pull_free(hf_backend *be, hf_fill **fill);

/* Edges in it: cuda/bend.c. */
int     hf_cuda_bend_new(hf_backend *be, hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err);
int     hf_cuda_bend_run(hf_backend *be, hf_bend *bend, float *soft, int n_labels, const hf_bend_frame *frame, hf_error *err);
void    hf_cuda_bend_free(hf_backend *be, hf_bend **bend);
int64_t hf_cuda_bend_bytes(hf_backend *be, int width, int height);

#ifdef __cplusplus
}
#endif

#endif
