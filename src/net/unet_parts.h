/* unet_parts.h - the parts of a U-Net and what its files share; private to src/net/unet*.c. */
#ifndef HF_SRC_NET_UNET_PARTS_H
#define HF_SRC_NET_UNET_PARTS_H

#include "src/net/pass.h"
#include "src/net/unet.h"

#define HF_UNET_MAX_LAYERS 3 /* config.n_layers; SD has 2 */
#define HF_UNET_MAX_RESNETS (2 + HF_UNET_MAX_LEVELS * (2 * HF_UNET_MAX_LAYERS + 1))
#define HF_UNET_MAX_TRANSFORMERS (1 + HF_UNET_MAX_LEVELS * (2 * HF_UNET_MAX_LAYERS + 1))

/* out = shortcut(x) + conv2(silu(gn(conv1(silu(gn(x))) + time))) */
typedef struct hf_unet_resnet {
    int       c_in, c_out;
    int       index; /* of all ResNets: its place in hf_unet_times */
    hf_norm   norm1, norm2;
    hf_conv   conv1, conv2;
    hf_linear time, shortcut; /* shortcut: only where c_in is not c_out */
} hf_unet_resnet;

/* x + proj_out(block(proj_in(gn(x)))), block: self-attention, attention to the prompt, feed-forward, each behind a
 * layer norm and with a residual. */
typedef struct hf_unet_transformer {
    int       channels, n_heads;
    int       index; /* of all transformers: its place in hf_unet_prompt */
    hf_norm   norm, norm1, norm2, norm3;
    hf_linear proj_in, proj_out;
    hf_linear q, k, v, out;
    hf_linear cross_q, cross_k, cross_v, cross_out;
    hf_linear wide, narrow; /* of the feed-forward: C -> 8 C (GEGLU: 4 C), 4 C -> C */
} hf_unet_transformer;

/* One level on one of the two ways, or the middle. */
typedef struct hf_unet_block {
    char                name[32]; /* "down_blocks.0" */
    int                 n_resnets, n_transformers; /* transformer i follows ResNet i */
    hf_unet_resnet      resnets[HF_UNET_MAX_LAYERS + 1];
    hf_unet_transformer transformers[HF_UNET_MAX_LAYERS + 1];
    bool                has_sampler; /* a convolution that halves, or one behind a doubling */
    hf_conv             sampler;
} hf_unet_block;

struct hf_unet {
    hf_backend    *be;
    hf_unet_config config;
    hf_layers     *layers;
    hf_dtype       stream_type; /* of activations */
    hf_arena      *scratch;
    int            N, h, w; /* of the scratch */
    hf_linear      time1, time2;
    hf_conv        conv_in, conv_out;
    hf_norm        norm_out;
    hf_unet_block  down[HF_UNET_MAX_LEVELS], mid, up[HF_UNET_MAX_LEVELS];
    int            n_resnets, n_transformers;
};

struct hf_unet_prompt {
    hf_arena *memory;
    hf_tensor k[HF_UNET_MAX_TRANSFORMERS], v[HF_UNET_MAX_TRANSFORMERS]; /* [1,L,C] */
};

/* bias[i] [n,C]: of ResNet i's conv1, with the time's projection added: the same vector for every cell, so it
 * needs no pass of its own. */
struct hf_unet_times {
    hf_arena *memory;
    int       n;
    hf_tensor bias[HF_UNET_MAX_RESNETS];
};

/* Walk over every ResNet and transformer of the network. */
typedef void (*hf_unet_resnet_visit)(void *ctx, hf_unet_resnet *resnet);
typedef void (*hf_unet_transformer_visit)(void *ctx, hf_unet_transformer *transformer);
void hf_unet_walk(hf_unet *net, hf_unet_resnet_visit resnet, hf_unet_transformer_visit transformer, void *ctx);

/* Load; failures stay in layers. name: "down_blocks.0.resnets.1". */
void hf_unet_resnet_load(hf_unet_resnet *resnet, hf_layers *layers, const hf_unet_config *config, const char *name);
void hf_unet_transformer_load(hf_unet_transformer *t, hf_layers *layers, const hf_unet_config *config, const char *name);

/*
 * The branch of a ResNet into out [N,h,w,c_out], from x [N,h,w,c_in]; finish adds the residual. Two calls, since the
 * branch alone is what a tap sees. bias: of conv1, for this time step.
 */
void hf_unet_resnet_branch(const hf_unet_resnet *resnet, hf_pass *p, const hf_tensor *out, const hf_tensor *x,
                           const hf_tensor *bias, int n_groups);
void hf_unet_resnet_finish(const hf_unet_resnet *resnet, hf_pass *p, const hf_tensor *out, const hf_tensor *x);

/* In place. k, v: of the prompt. */
void hf_unet_transformer_run(const hf_unet_transformer *t, hf_pass *p, const hf_tensor *x, const hf_tensor *k,
                             const hf_tensor *v, int n_groups);

/* A network without weights: only sizes, for planning. HF_EARG for a configuration that cannot be. */
int hf_unet_lay_out(hf_unet *net, const hf_unet_config *config, hf_error *err);

#endif
