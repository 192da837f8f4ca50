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
#include "src/tensor.h"

typedef struct hf_backend hf_backend;

/* Parameter structs of the operations; each lives in the header that states
 * the operation's contract. */
typedef struct hf_match_dense_params hf_match_dense_params;     /* propagate/match_dense.h */
typedef struct hf_match_context_params hf_match_context_params; /* propagate/match_context.h */

typedef struct hf_ops {
    /* Memory. `alloc` returns zeroed memory aligned to 64 bytes, NULL when there is none. */
    void *(*alloc)(hf_backend *be, size_t bytes);
    void (*free)(hf_backend *be, void *data); /* NULL is allowed */
    int (*write)(hf_backend *be, const hf_tensor *dst, const void *host, hf_error *err);
    int (*read)(hf_backend *be, void *host, const hf_tensor *src, hf_error *err);
    int (*copy)(hf_backend *be, const hf_tensor *dst, const hf_tensor *src, hf_error *err);
    int (*sync)(hf_backend *be, hf_error *err);

    /* Arithmetic of networks and features: src/ops.h */

    /* Matching and splatting: propagate/match_dense.h, match_context.h, splat.h */
    size_t (*match_dense_scratch_bytes)(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target,
                                        const hf_match_dense_params *params);
    int (*match_dense)(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                       const hf_tensor *source, const hf_tensor *target,
                       const hf_match_dense_params *params, const hf_tensor *scratch,
                       hf_error *err);
    int (*match_context)(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *params,
                         hf_error *err);
} hf_ops;

struct hf_backend {
    const char *name;        /* "ref", "cpu" */
    bool        host_memory; /* tensors may be read through their pointer after sync */
    int         n_threads;
    hf_ops      ops;
    void       *ctx; /* the backend's own state */
};

/*
 * Open a backend by name. n_threads: 0 means one for each processor that this
 * process may use. Returns HF_EARG for a name that is not known (the text
 * lists those that are), HF_EDEVICE when the device cannot be used.
 */
int  hf_backend_open(hf_backend **out, const char *name, int n_threads, hf_error *err);
void hf_backend_close(hf_backend **be);

/* Names of the backends of this build, NULL-terminated. */
const char *const *hf_backend_names(void);

/* Fill the tables; called by hf_backend_open only. */
void hf_ref_fill(hf_backend *be);
void hf_cpu_fill(hf_backend *be);

#endif
