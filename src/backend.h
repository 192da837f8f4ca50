/* backend.h - one table of operations, filled by every backend.
 *
 * Networks and propagation are written once against this table. `ref` is the
 * definition of every operation in plain C; `cpu` starts as a copy of `ref`
 * and replaces the hot entries; a GPU backend fills all of them.
 *
 * A backend handle is one device and one in-order queue on it. Operations are
 * queued in call order; on the host backends they have run when they return.
 * Only `write` and `read` cross between host and device memory. After `read`
 * the host bytes are valid once `sync` has returned; the host buffer given to
 * `write` must stay as it is until then.
 *
 * Two handles on one device may use each other's memory. What one queues is not ordered
 * with what the other queues; marks do that. A handle is used by one thread at a time, which may be another thread each
 * time; on a GPU, that thread's current CUDA device is the handle's afterwards.
 *
 * Every operation: the backend, the output, the inputs, `const` parameters,
 * the error. Outputs never overlap inputs unless the contract says so. Shapes and
 * dtypes that break a contract are our own mistakes and are asserted; what
 * depends on the user (memory, ranges of options) returns a status.
 * The contracts stand beside the entries in the headers named below.
 */
#ifndef HF_SRC_BACKEND_H
#define HF_SRC_BACKEND_H

#include <stdbool.h>
#include "src/error.h"
#include "src/ops.h"
#include "src/tensor.h"

typedef struct hf_backend hf_backend;

/* Parameter structs of the operations; each lives in the header that states
 * the operation's contract. */
typedef struct hf_match_dense_params hf_match_dense_params;     /* propagate/match_dense.h */
typedef struct hf_match_context_params hf_match_context_params; /* propagate/match_context.h */

typedef struct hf_classic_raw hf_classic_raw;                   /* src/classic_raw.h */

typedef struct hf_splat_params hf_splat_params;                 /* propagate/splat.h */
typedef struct hf_first_ops hf_first_ops;                       /* propagate/first_ops.h */
typedef struct hf_context_ops hf_context_ops;                   /* propagate/context_ops.h */
typedef struct hf_outside_ops hf_outside_ops;                   /* propagate/outside_ops.h */

typedef struct hf_recording hf_recording; /* of record_end; src/recorder.h is the way to use it */
typedef struct hf_mark hf_mark;           /* how far a queue has come */

/* Memory of a device, bytes. */
typedef struct hf_device_memory {
    int64_t used, peak;  /* of this handle's alloc, now and at most */
    int64_t free, total; /* of the device, whoever uses it */
} hf_device_memory;

typedef struct hf_ops {
    /* Memory. `alloc` returns zeroed memory aligned to 64 bytes, NULL when there is none. */
    void *(*alloc)(hf_backend *be, size_t bytes);
    void (*free)(hf_backend *be, void *data); /* NULL is allowed */
    int (*write)(hf_backend *be, const hf_tensor *dst, const void *host, hf_error *err);
    int (*read)(hf_backend *be, void *host, const hf_tensor *src, hf_error *err);
    int (*copy)(hf_backend *be, const hf_tensor *dst, const hf_tensor *src, hf_error *err);
    int (*sync)(hf_backend *be, hf_error *err);
    int (*memory)(hf_backend *be, hf_device_memory *memory, hf_error *err); /* NULL on the host backends */

    /* Zeroed host memory that write and read are quick with, and do not make the caller wait for. NULL on the host
     * backends; the result is NULL where there is none. */
    void *(*alloc_host)(hf_backend *be, size_t bytes);
    void (*free_host)(hf_backend *be, void *data); /* NULL is allowed */

    /* Order between two handles on one device: `mark` notes how far be's queue has come, and what is queued after `wait` on
     * another handle runs only when that queue has come so far. Neither holds up the caller. A mark that was never set
     * holds up nothing. Not recorded. All four are NULL on the host backends. */
    int  (*mark_new)(hf_backend *be, hf_mark **out, hf_error *err);
    void (*mark_free)(hf_backend *be, hf_mark **mark); /* a pointer to NULL is allowed */
    int  (*mark)(hf_backend *be, hf_mark *mark, hf_error *err);
    int  (*wait)(hf_backend *be, const hf_mark *mark, hf_error *err);

    /* A line about plan i of those that libraries of the device made for shapes so far, in the order of making: shape,
     * algorithm, workspace. False where there is no plan i. NULL on the host backends. */
    bool (*plan_text)(hf_backend *be, int i, char *text, size_t size);

    /* Recording: between begin and end operations are noted and not run; replay runs them all, in order, on the same
     * addresses, for the price of one call. Every operation has run once with these shapes before. write, read, sync and
     * alloc are not recorded: HF_EUNSUPPORTED or HF_EDEVICE, then, from them or from end, and nothing is kept. end is
     * called after every begin, whatever failed between. All four are NULL on the host backends. */
    int  (*record_begin)(hf_backend *be, hf_error *err);
    int  (*record_end)(hf_backend *be, hf_recording **out, hf_error *err);
    int  (*replay)(hf_backend *be, const hf_recording *recording, hf_error *err);
    void (*recording_free)(hf_backend *be, hf_recording **recording);

    /* Arithmetic of networks and features: src/ops.h */
    int (*packed_new)(hf_backend *be, hf_packed **out, const hf_tensor *weight,
                      const hf_pack_params *params, hf_error *err);
    void (*packed_free)(hf_backend *be, hf_packed **packed);
    int (*linear)(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_linear_params *params,
                  hf_error *err);
    int (*conv2d)(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_conv2d_params *params,
                  hf_error *err);
    int (*matmul)(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                  const hf_matmul_params *params, hf_error *err);
    int (*attention)(hf_backend *be, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                     const hf_tensor *v, const hf_attention_params *params, hf_error *err);
    int (*group_norm)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_group_norm_params *params, hf_error *err);
    int (*layer_norm)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_layer_norm_params *params, hf_error *err);
    int (*softmax)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_softmax_params *params, hf_error *err);
    int (*l2_normalize)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                        const hf_l2_normalize_params *params, hf_error *err);
    int (*activate)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                    const hf_activate_params *params, hf_error *err);
    int (*add)(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               const hf_add_params *params, hf_error *err);
    int (*mul)(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               hf_error *err);
    int (*copy_channels)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                         const hf_copy_channels_params *params, hf_error *err);
    int (*permute)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_permute_params *params, hf_error *err);
    int (*cast)(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_error *err);
    int (*gather_rows)(hf_backend *be, const hf_tensor *out, const hf_tensor *table,
                       const hf_tensor *index, hf_error *err);
    int (*resize)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                  const hf_resize_params *params, hf_error *err);
    int (*rgb_to_image)(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb,
                        const hf_rgb_to_image_params *params, hf_error *err);
    int (*pool)(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                const hf_pool_params *params, hf_error *err);

    /* Statistics of a picture's cells, which model `classic` starts from: src/classic_raw.h */
    int (*classic_raw)(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *raw,
                       hf_error *err);

    /* Matching and splatting: propagate/match_dense.h, match_stay.h, match_context.h, splat.h */
    int (*splat)(hf_backend *be, const hf_tensor *out, const hf_tensor *cover,
                 const hf_tensor *winner, const hf_tensor *payload, const hf_tensor *match,
                 const hf_tensor *similarity, const hf_splat_params *params,
                 const hf_tensor *scratch, hf_error *err);
    size_t (*match_dense_scratch_bytes)(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target,
                                        const hf_match_dense_params *params);
    int (*match_dense)(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                       const hf_tensor *source, const hf_tensor *target,
                       const hf_match_dense_params *params, const hf_tensor *scratch,
                       hf_error *err);
    int (*match_stay)(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                      const hf_tensor *a, const hf_tensor *b, float tolerance, hf_error *err);
    int (*match_context)(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *params,
                         hf_error *err);

    /* The other steps of --match first, a table of their own: propagate/first_ops.h */
    const hf_first_ops *first;
    /* The other steps of --match context, a table of their own: propagate/context_ops.h */
    const hf_context_ops *context;
    /* The other steps of --flow, a table of their own: propagate/outside_ops.h */
    const hf_outside_ops *outside;
} hf_ops;

struct hf_backend {
    const char *name;        /* "ref", "cpu", "cuda" */
    char        about[192];  /* a GPU in words: its name, memory, compute capability, driver; empty on the host */
    char        note[256];   /* after "auto": why a GPU that is here is not used; else empty */
    bool        host_memory; /* tensors may be read through their pointer after sync */
    int         n_threads;
    int         n_batch;     /* pictures that a network is quickest with at a time, memory permitting; 1 or 0: one */
    hf_ops      ops;
    void       *ctx; /* the backend's own state */
    void (*close)(hf_backend *be); /* frees ctx; NULL where there is none */
};

/*
 * Open a backend by name: "ref", "cpu", "cuda", "cuda:N" (src/cuda_module.h), or "auto" (NULL too): cuda where there is
 * a GPU that works, else cpu. n_threads: 0 means one for each processor that this process may use. Returns HF_EARG for a
 * name that is not known (the text lists those that are), HF_EDEVICE when the device cannot be used,
 * HF_EUNSUPPORTED when the GPU is too old.
 */
int  hf_backend_open(hf_backend **out, const char *name, int n_threads, hf_error *err);
void hf_backend_close(hf_backend **be);

/* Names of the backends, NULL-terminated; whether cuda can be opened only opening it tells. */
const char *const *hf_backend_names(void);

/* Fill the tables; called by hf_backend_open only. */
int hf_ref_fill(hf_backend *be, hf_error *err);
int hf_cpu_fill(hf_backend *be, hf_error *err);

#endif
