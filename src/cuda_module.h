/* cuda_module.h - the `cuda` backend lives in a module, hfprop_cuda.so, that is opened when it is asked for.
 *
 * One hfprop so starts on machines with no NVIDIA library at all. The module is looked for in this order:
 * the file that the environment variable HFPROP_CUDA_MODULE names (and nothing else then), the folder of the program, its
 * folder cuda/, which is where a build leaves it, the library folder of the installation.
 */
#ifndef HF_SRC_CUDA_MODULE_H
#define HF_SRC_CUDA_MODULE_H

#include "propagate/context_ops.h"
#include "propagate/first_ops.h"
#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/outside_ops.h"
#include "propagate/splat.h"
#include "src/backend.h"
#include "src/ops.h"

/* What must agree between the program and the module: sizes catch what was added or taken away, version is for what they
 * do not see. Raise it where a member changes its meaning or its place. */
#define HF_CUDA_MODULE_TABLES(X) /* the tables, and what their calls are given */ \
    X(hf_backend) X(hf_context_ops) X(hf_first_ops) X(hf_outside_ops) X(hf_tensor) X(hf_packed) X(hf_conv2d_params) X(hf_linear_params) \
    X(hf_match_dense_params) X(hf_match_context_params) X(hf_splat_params) X(hf_cells) X(hf_anchor_view) \
    X(hf_context_lists) X(hf_context_reference) X(hf_fine_matches) X(hf_decision) X(hf_first_field) X(hf_bend_frame) \
    X(hf_blend) X(hf_drawing) X(hf_outside_field)
#define HF_CUDA_MODULE_ONE(type) + 1
#define HF_CUDA_MODULE_SIZE(type) sizeof(type),
#define HF_CUDA_MODULE_TEXT(type) #type,
#define HF_CUDA_MODULE_SIZES (0 HF_CUDA_MODULE_TABLES(HF_CUDA_MODULE_ONE))

typedef struct hf_cuda_module_abi {
    unsigned version;
    unsigned sizes[HF_CUDA_MODULE_SIZES]; /* bytes */
} hf_cuda_module_abi;
#define HF_CUDA_MODULE_ABI { .version = 9, .sizes = { HF_CUDA_MODULE_TABLES(HF_CUDA_MODULE_SIZE) } }

#define HF_CUDA_MODULE_NAME "hfprop_cuda.so"
#define HF_CUDA_MODULE_SYMBOL "hf_cuda_module_fill"
#define HF_CUDA_MODULE_EXPORT __attribute__((visibility("default")))

/* Fills be for GPU `device`. HF_EDEVICE: no driver, no such GPU, another build. HF_EUNSUPPORTED: a GPU that is too old.
 * HF_EOF instead of HF_EDEVICE: there is no driver or no GPU at all. */
typedef int hf_cuda_module_fill_fn(hf_backend *be, int device, const hf_cuda_module_abi *abi, hf_error *err);
HF_CUDA_MODULE_EXPORT hf_cuda_module_fill_fn hf_cuda_module_fill;

/* Open the module and fill be. HF_EDEVICE, with what was tried, where there is none. The module stays open. */
int hf_cuda_fill(hf_backend *be, int device, hf_error *err);

/* Whether there is nothing to use cuda with: no module, or the module has found no driver or no GPU. Not so where a GPU
 * is there and something else failed. Of the last hf_cuda_fill of this thread. */
bool hf_cuda_is_absent(void);

#endif
