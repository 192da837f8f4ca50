/* context.h - launchers of the kernels of `--match context`, see propagate/context_ops.h for what each does.
 *
 * Every launcher queues and returns cudaGetLastError(). Addresses are of the device.
 */
#ifndef HF_CUDA_CONTEXT_H
#define HF_CUDA_CONTEXT_H

#include <cuda_runtime_api.h>

#include "propagate/context_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* match_context.cu */
typedef struct hf_cuda_context_match {
    int32_t       *index;      /* [h,w,K] */
    float         *similarity; /* [h,w,K] */
    const uint8_t *target;     /* [h,w,4 quads] */
    const uint8_t *reference;  /* [h,quads,w,4] */
    const int32_t *shift;      /* [h,T,2] or NULL */
    int            h, w, quads, k, radius;
    int32_t        first;      /* index of the reference's first cell */
} hf_cuda_context_match;
cudaError_t hf_cuda_match_context_launch(const hf_cuda_context_match *match, cudaStream_t stream);

/* context_vote.cu */
cudaError_t hf_cuda_context_scale_launch(uint8_t *out, const uint8_t *rgb, const hf_scaling *scaling, cudaStream_t stream);
cudaError_t hf_cuda_context_rescale_launch(float *xy, int64_t n, float scale, cudaStream_t stream);
cudaError_t hf_cuda_context_bytes_launch(uint8_t *target, const float *features, int n_cells, int D, int P, cudaStream_t stream);
cudaError_t hf_cuda_context_pack_launch(uint8_t *reference, const uint8_t *target, int h, int w, int quads, cudaStream_t stream);
cudaError_t hf_cuda_context_clear_launch(const hf_context_lists *lists, cudaStream_t stream);
cudaError_t hf_cuda_context_predict_launch(const hf_context_lists *lists, const float *xy, cudaStream_t stream);
cudaError_t hf_cuda_context_vote_launch(const hf_cells *out, const hf_context_lists *lists,
                                const hf_context_reference *references, float temperature, cudaStream_t stream);
cudaError_t hf_cuda_context_pool_launch(float *labels, int h, int w, const hf_cells *fine, cudaStream_t stream);

/* fine.cu */
cudaError_t hf_cuda_context_describe_launch(uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int width, int height,
                                    int stride_px, cudaStream_t stream);
cudaError_t hf_cuda_context_fine_vote_launch(const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                                     const hf_fine_reference *references, cudaStream_t stream);

/* warp.cu; cover f32 [H,W] or NULL */
cudaError_t hf_cuda_warp_launch(float *out, const uint8_t *rgba, const float *xy, const float *cover, int width, int height,
                                cudaStream_t stream);
cudaError_t hf_cuda_warp_straighten_launch(uint8_t *rgba, const float *multiplied, int64_t n, cudaStream_t stream);

/* multiplied f32 [n,4] */
cudaError_t hf_cuda_warp_fade_launch(float *multiplied, const float *cover, int64_t n, cudaStream_t stream);

/* bend.cu */
cudaError_t hf_cuda_blend_add_launch(const hf_blend *sums, const float *soft, const float *painted, const float *cover,
                                     float weight, cudaStream_t stream);
cudaError_t hf_cuda_blend_mean_launch(const hf_blend *sums, float *soft, float *painted, cudaStream_t stream);

/* anchor.cu */
cudaError_t hf_cuda_context_light_launch(const hf_light *light, const uint8_t *rgb, cudaStream_t stream);
cudaError_t hf_cuda_context_anchor_launch(const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine,
                                  const int32_t *guess, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

/* refine.c: entries of the table. */
int  hf_cuda_refine_new(hf_backend *be, hf_refine **out, int width, int height, int max_labels,
                        const hf_refine_params *params, hf_error *err);
int  hf_cuda_refine_run(hf_backend *be, hf_refine *refine, float *soft, float *xy, float *cover, const hf_cells *cells,
                        const uint8_t *rgb, const hf_drawn *drawn, hf_error *err);
void hf_cuda_refine_free(hf_backend *be, hf_refine **refine);
int64_t hf_cuda_refine_bytes(hf_backend *be, int width, int height, int n_cells);
int  hf_cuda_decide(hf_backend *be, const hf_decision *out, const float *soft, int64_t n, int n_labels, int n_ids,
                    const uint8_t *id_of, hf_error *err);

/* bend.c: entries of the table. */
int hf_cuda_blend_clear(hf_backend *be, const hf_blend *sums, hf_error *err);
int hf_cuda_blend_add(hf_backend *be, const hf_blend *sums, const float *soft, const float *painted, const float *cover,
                      float weight, hf_error *err);
int hf_cuda_blend_mean(hf_backend *be, const hf_blend *sums, float *soft, float *painted, hf_error *err);

#endif
