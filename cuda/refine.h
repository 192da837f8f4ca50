/* refine.h - launchers of the kernels of propagate/refine.h and of the guided filter in it (propagate/guide.h).
 *
 * Every launcher queues and returns cudaGetLastError(). Addresses are of the device.
 */
#ifndef HF_CUDA_REFINE_H
#define HF_CUDA_REFINE_H

#include <cuda_runtime_api.h>

#include "propagate/bend.h"
#include "propagate/context_ops.h"
#include "propagate/settle.h"
#include "propagate/smooth_cell.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Labels that are filtered at once: bounds the memory of a frame with many. */
#define HF_CUDA_GUIDE_LABELS 4

/* Planes [bh,bw] of the guided filter. */
typedef struct hf_cuda_guide {
    int    W, H, bh, bw, radius; /* radius in blocks */
    float  epsilon;
    float *colour;   /* [3] block means, 0..1 */
    float *mean;     /* [3] their window means */
    float *inverse;  /* [6] xx xy xz yy yz zz of the inverse covariance */
    float *label;    /* [HF_CUDA_GUIDE_LABELS] one label on blocks */
    float *fit;      /* [HF_CUDA_GUIDE_LABELS][4] of every window */
    float *fit_mean; /* [HF_CUDA_GUIDE_LABELS][4] */
} hf_cuda_guide;

/* guide.c. Sizes as of hf_guide_new. lay_out cuts the planes from `memory` behind `used` bytes of it and counts them; with
 * memory NULL it only counts. cut is for one part, at a multiple of 256. */
void   hf_cuda_guide_sizes(hf_cuda_guide *guide, int width, int height, int radius_px, float epsilon);
void   hf_cuda_guide_lay_out(hf_cuda_guide *guide, char *memory, size_t *used);
void  *hf_cuda_guide_cut(char *memory, size_t *used, size_t bytes);

/* guide.cu. rgb u8 [H,W,3], soft f32 [L,H,W]; labels first..first+n-1, n up to HF_CUDA_GUIDE_LABELS. First the picture, then
 * guide->label (cells_launch makes it of cells), then the filter; keep u8 [H,W]: pixels that stay as they are, NULL: none. */
cudaError_t hf_cuda_guide_picture_launch(const hf_cuda_guide *guide, const uint8_t *rgb, cudaStream_t stream);
cudaError_t hf_cuda_guide_cells_launch(const hf_cuda_guide *guide, const hf_cells *cells, int first, int n,
                                       cudaStream_t stream);
cudaError_t hf_cuda_guide_filter_launch(const hf_cuda_guide *guide, float *soft, const uint8_t *rgb, const uint8_t *keep,
                                        int first, int n, cudaStream_t stream);

/* bend.cu: the steps of propagate/bend.h beside the filter. keep u8 [H,W] out; guide->label out; soft in and out. */
cudaError_t hf_cuda_bend_keep_launch(uint8_t *keep, const hf_bend_frame *frame, int W, int H, cudaStream_t stream);
cudaError_t hf_cuda_bend_blocks_launch(const hf_cuda_guide *guide, const float *soft, int first, int n, cudaStream_t stream);
cudaError_t hf_cuda_bend_share_launch(float *soft, int64_t n, int n_labels, cudaStream_t stream);

/* What is known of the cells that coordinates are made from. */
typedef struct hf_cuda_moves {
    int      h, w, stride_px;
    float   *xy;       /* [h,w,2] */
    uint8_t *winner;   /* [h,w] */
    float   *move;     /* [h,w,2] settled */
    float   *residual; /* [h,w] */
    float   *trust;    /* [h,w] */
    uint8_t *same;     /* [h,w] */
    float   *smooth;   /* [h,w,2] the moves that coordinates take */
} hf_cuda_moves;

/* Say of distances in smooth.h, of the host. */
typedef struct hf_cuda_near {
    float say[2 * HF_SMOOTH_RADIUS + 1];
} hf_cuda_near;

/* refine.cu */
cudaError_t hf_cuda_refine_upsample_launch(float *soft, const hf_cells *cells, int W, int H, cudaStream_t stream);
cudaError_t hf_cuda_refine_join_launch(const hf_cuda_moves *moves, const hf_cells *cells, int parts, cudaStream_t stream);
cudaError_t hf_cuda_refine_settle_launch(const hf_cuda_moves *moves, const hf_settle_view *pictures, cudaStream_t stream);
cudaError_t hf_cuda_refine_smooth_launch(const hf_cuda_moves *moves, const hf_cuda_near *near, cudaStream_t stream);
/* Normalises soft, keeps what stands unchanged as it was drawn, and finds each pixel's label. */
cudaError_t hf_cuda_refine_finish_launch(float *soft, uint8_t *winner, int W, int H, int L, const hf_cuda_moves *moves,
                                  const uint8_t *drawn_ids, cudaStream_t stream);
/* moves: move or smooth of `of`. xy may be NULL. */
cudaError_t hf_cuda_refine_place_launch(float *xy, float *cover, const uint8_t *winner, int W, int H,
                                 const hf_cuda_moves *of, const float *moves, cudaStream_t stream);

typedef struct hf_cuda_ids {
    uint8_t id[HF_MAX_LABELS];
} hf_cuda_ids;
cudaError_t hf_cuda_refine_decide_launch(const hf_decision *out, const float *soft, int64_t n, int n_labels, int n_ids,
                                  const hf_cuda_ids *ids, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
