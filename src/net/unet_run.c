/* unet_run.c - one pass of the U-Net, planned and run by the same code.
 *
 * The way down leaves its maps on the arena's stack for the way up. Inside a layer everything
 * is given back at once. Taps are handed out as they are made; behind the last one that is
 * wanted the pass ends.
 */
#include "src/net/unet_parts.h"

#define OUT_EPSILON 1e-5f
#define MAX_SKIPS (1 + HF_UNET_MAX_LEVELS * (HF_UNET_MAX_LAYERS + 1))

typedef struct walk {
    const hf_unet        *net;
    hf_pass               ops;
    const hf_unet_prompt *prompt;
    const hf_unet_times  *times;
    int                   step;
    const hf_unet_taps   *taps;
    unsigned              branches, blocks; /* still wanted */
    bool                  to_the_end;       /* the noise is wanted */
    int                   n_branches;       /* passed so far */
    hf_tensor             x;
    hf_tensor             skips[MAX_SKIPS];
    int                   n_skips;
} walk;

static bool finished(const walk *p)
{
    return p->ops.rc < 0 || (!p->to_the_end && !p->branches && !p->blocks);
}

/* bias of ResNet i's conv1 for this step; its k and v for a transformer. Nothing of that exists when planning. */
static hf_tensor bias_of(const walk *p, const hf_unet_resnet *n)
{
    if (hf_pass_plans(&p->ops))
        return (hf_tensor){ .data = NULL };
    float *rows = p->times->bias[n->index].data;
    return hf_tensor_view(rows + (size_t)p->step * (size_t)n->c_out, HF_F32, 1, n->c_out);
}

static void run_transformer(walk *p, const hf_unet_transformer *t)
{
    const hf_tensor none = { .data = NULL };
    hf_unet_transformer_run(t, &p->ops, &p->x, p->prompt ? &p->prompt->k[t->index] : &none,
                            p->prompt ? &p->prompt->v[t->index] : &none, p->net->config.n_groups);
}

static void run_resnet(walk *p, const hf_unet_resnet *n, const hf_tensor *out)
{
    hf_tensor bias = bias_of(p, n);
    hf_unet_resnet_branch(n, &p->ops, out, &p->x, &bias, p->net->config.n_groups);
    hf_unet_resnet_finish(n, &p->ops, out, &p->x);
    p->x = *out;
}

static void push(walk *p) { p->skips[p->n_skips++] = p->x; }

static void go_down(walk *p, const hf_unet_block *b)
{
    for (int i = 0; i < b->n_resnets; i++) {
        hf_tensor out = hf_pass_take_like(&p->ops, &p->x, b->resnets[i].c_out);
        run_resnet(p, &b->resnets[i], &out);
        if (i < b->n_transformers)
            run_transformer(p, &b->transformers[i]);
        push(p);
    }
    if (b->has_sampler) {
        hf_tensor half = hf_pass_take(&p->ops, p->x.dtype, 4, p->x.shape[0], p->x.shape[1] / 2, p->x.shape[2] / 2, p->x.shape[3]);
        hf_pass_conv(&p->ops, &half, &p->x, &b->sampler, NULL, HF_ACT_NONE);
        p->x = half;
        push(p);
    }
}

static void go_through_middle(walk *p, const hf_unet_block *b)
{
    for (int i = 0; i < b->n_resnets; i++) {
        hf_tensor out = hf_pass_take_like(&p->ops, &p->x, b->resnets[i].c_out);
        run_resnet(p, &b->resnets[i], &out);
        if (i < b->n_transformers)
            run_transformer(p, &b->transformers[i]);
    }
}

/* Hand out a map if it is wanted. */
static void tap(walk *p, unsigned *wanted, int (*take)(void *, int, const hf_tensor *, hf_error *), int i,
                const hf_tensor *map)
{
    if (!(*wanted >> i & 1) || p->ops.rc < 0)
        return;
    *wanted &= ~(1u << i);
    int rc = take(p->taps->ctx, i, map, p->ops.err);
    if (rc < 0)
        p->ops.rc = rc;
}

/* x = ResNet of [x, the newest skip]. */
static void run_decoder_resnet(walk *p, const hf_unet_resnet *n, const hf_tensor *out)
{
    size_t mark = hf_arena_mark(p->ops.arena);
    const hf_tensor *skip = &p->skips[--p->n_skips];
    hf_tensor both = hf_pass_take_like(&p->ops, &p->x, n->c_in);
    hf_tensor bias = bias_of(p, n);
    int64_t C = p->x.shape[3];

    hf_pass_copy_channels(&p->ops, &both, &p->x, 0, 0, C);
    hf_pass_copy_channels(&p->ops, &both, skip, C, 0, n->c_in - C);
    hf_unet_resnet_branch(n, &p->ops, out, &both, &bias, p->net->config.n_groups);
    tap(p, &p->branches, p->taps ? p->taps->take_branch : NULL, p->n_branches++, out);
    if (!finished(p))
        hf_unet_resnet_finish(n, &p->ops, out, &both);
    hf_arena_rewind(p->ops.arena, mark);
    p->x = *out;
}

static void double_size(walk *p, const hf_conv *conv)
{
    hf_tensor out = hf_pass_take(&p->ops, p->x.dtype, 4, p->x.shape[0], 2 * p->x.shape[1], 2 * p->x.shape[2], p->x.shape[3]);
    size_t mark = hf_arena_mark(p->ops.arena);
    hf_tensor larger = hf_pass_take_like(&p->ops, &out, p->x.shape[3]);

    hf_pass_resize(&p->ops, &larger, &p->x, HF_RESIZE_NEAREST);
    hf_pass_conv(&p->ops, &out, &larger, conv, NULL, HF_ACT_NONE);
    hf_arena_rewind(p->ops.arena, mark);
    p->x = out;
}

/* Two maps take turns, so that a ResNet never writes what it reads. */
static void go_up(walk *p, const hf_unet_block *b, int i)
{
    hf_tensor turns[2] = { hf_pass_take_like(&p->ops, &p->x, b->resnets[0].c_out),
                           hf_pass_take_like(&p->ops, &p->x, b->resnets[0].c_out) };

    for (int j = 0; j < b->n_resnets; j++) {
        run_decoder_resnet(p, &b->resnets[j], &turns[j % 2]);
        if (finished(p))
            return;
        if (j < b->n_transformers)
            run_transformer(p, &b->transformers[j]);
    }
    if (b->has_sampler)
        double_size(p, &b->sampler);
    tap(p, &p->blocks, p->taps ? p->taps->take_block : NULL, i, &p->x);
}

static void predict(walk *p, const hf_tensor *noise)
{
    hf_tensor normed = hf_pass_take_like(&p->ops, &p->x, p->x.shape[3]);
    hf_pass_group_norm(&p->ops, &normed, &p->x, &p->net->norm_out, &(hf_group_norm_params){ p->net->config.n_groups, OUT_EPSILON, HF_ACT_SILU });
    hf_pass_conv(&p->ops, noise, &normed, &p->net->conv_out, NULL, HF_ACT_NONE);
}

static void forward(walk *p, const hf_tensor *noise, const hf_tensor *latent)
{
    const hf_unet *net = p->net;
    const hf_unet_config *c = &net->config;

    p->x = hf_pass_take(&p->ops, net->stream_type, 4, latent->shape[0], latent->shape[1], latent->shape[2],
                        c->channels[0]);
    hf_pass_conv(&p->ops, &p->x, latent, &net->conv_in, NULL, HF_ACT_NONE);
    push(p);
    for (int i = 0; i < c->n_levels; i++)
        go_down(p, &net->down[i]);
    go_through_middle(p, &net->mid);
    for (int i = 0; i < c->n_levels && !finished(p); i++)
        go_up(p, &net->up[i], i);
    if (p->to_the_end && !finished(p))
        predict(p, noise);
}

/* The whole pass, measured. */
static int plan(hf_arena *arena, hf_unet *net, int N, int h, int w, hf_error *err)
{
    int unit = 1 << (net->config.n_levels - 1);
    walk p = { .net = net, .to_the_end = true,
               .ops = { .be = net->be, .arena = arena, .err = err } };

    if (N < 1 || h < unit || w < unit || h % unit || w % unit)
        return hf_fail(err, HF_EARG, "unet: %d latents of %d x %d cells, want multiples of %d", N, h, w, unit);
    hf_tensor latent = hf_tensor_view(NULL, HF_F32, 4, N, h, w, net->config.n_latent);
    forward(&p, &latent, &latent);
    return p.ops.rc;
}

int hf_unet_prepare(hf_unet *net, int N, int h, int w, hf_error *err)
{
    int rc;

    if (net->scratch && net->N == N && net->h == h && net->w == w)
        return HF_OK;
    hf_arena_free(&net->scratch);
    if ((rc = hf_arena_new(&net->scratch, net->be, "unet scratch", err)) < 0 ||
        (rc = plan(net->scratch, net, N, h, w, err)) < 0 || (rc = hf_arena_seal(net->scratch, 0, err)) < 0)
        hf_arena_free(&net->scratch);
    net->N = N, net->h = h, net->w = w;
    return rc;
}

int64_t hf_unet_scratch_bytes(hf_unet *net, int N, int h, int w)
{
    hf_arena *arena = NULL;
    int64_t bytes = 0;
    if (hf_arena_new(&arena, net->be, "unet scratch", NULL) == HF_OK && plan(arena, net, N, h, w, NULL) == HF_OK)
        bytes = (int64_t)hf_arena_peak(arena);
    hf_arena_free(&arena);
    return bytes;
}

int hf_unet_run(hf_unet *net, const hf_tensor *noise, const hf_tensor *latent, const hf_unet_prompt *prompt,
                const hf_unet_times *times, int step, const hf_unet_taps *taps, hf_error *err)
{
    walk p = { .net = net, .prompt = prompt, .times = times, .step = step, .taps = taps, .to_the_end = noise != NULL,
               .ops = { .be = net->be, .arena = net->scratch, .err = err } };

    if (!net->scratch || latent->shape[0] != net->N || latent->shape[1] != net->h || latent->shape[2] != net->w)
        return hf_fail(err, HF_EARG, "unet: %lld latents of %lld x %lld cells, prepared for %d of %d x %d",
                       (long long)latent->shape[0], (long long)latent->shape[1], (long long)latent->shape[2], net->N,
                       net->h, net->w);
    if (taps)
        p.branches = taps->branches, p.blocks = taps->blocks;
    hf_arena_reset(net->scratch);
    forward(&p, noise, latent);
    return p.ops.rc;
}
