/* unet.c - the U-Net: loading, constants, scratch. The pass itself is unet_run.c. */
#include "src/net/unet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/net/unet_parts.h"

static void walk_block(hf_unet_block *b, hf_unet_resnet_visit resnet, hf_unet_transformer_visit transformer, void *ctx)
{
    for (int i = 0; resnet && i < b->n_resnets; i++)
        resnet(ctx, &b->resnets[i]);
    for (int i = 0; transformer && i < b->n_transformers; i++)
        transformer(ctx, &b->transformers[i]);
}

void hf_unet_walk(hf_unet *net, hf_unet_resnet_visit resnet, hf_unet_transformer_visit transformer, void *ctx)
{
    for (int i = 0; i < net->config.n_levels; i++)
        walk_block(&net->down[i], resnet, transformer, ctx);
    walk_block(&net->mid, resnet, transformer, ctx);
    for (int i = 0; i < net->config.n_levels; i++)
        walk_block(&net->up[i], resnet, transformer, ctx);
}

static void load_block(hf_unet_block *b, hf_layers *l, const hf_unet_config *c)
{
    char name[96];

    for (int i = 0; i < b->n_resnets; i++) {
        snprintf(name, sizeof(name), "%s.resnets.%d", b->name, i);
        hf_unet_resnet_load(&b->resnets[i], l, c, name);
    }
    for (int i = 0; i < b->n_transformers; i++) {
        snprintf(name, sizeof(name), "%s.attentions.%d", b->name, i);
        hf_unet_transformer_load(&b->transformers[i], l, c, name);
    }
}

static void load_sampler(hf_unet_block *b, hf_layers *l, int stride, const char *what)
{
    int C = b->resnets[b->n_resnets - 1].c_out;
    if (b->has_sampler)
        hf_layers_conv(l, &b->sampler, C, C, 3, stride, true, "%s.%s.0.conv", b->name, what);
}

static void load(hf_unet *net)
{
    const hf_unet_config *c = &net->config;
    hf_layers *l = net->layers;

    hf_layers_conv(l, &net->conv_in, c->channels[0], c->n_latent, 3, 1, true, "conv_in");
    hf_layers_linear(l, &net->time1, 4 * c->channels[0], c->channels[0], true, "time_embedding.linear_1");
    hf_layers_linear(l, &net->time2, 4 * c->channels[0], 4 * c->channels[0], true, "time_embedding.linear_2");
    for (int i = 0; i < c->n_levels; i++) {
        load_block(&net->down[i], l, c);
        load_sampler(&net->down[i], l, 2, "downsamplers");
    }
    load_block(&net->mid, l, c);
    for (int i = 0; i < c->n_levels; i++) {
        load_block(&net->up[i], l, c);
        load_sampler(&net->up[i], l, 1, "upsamplers");
    }
    hf_layers_norm(l, &net->norm_out, c->channels[0], "conv_norm_out");
    hf_layers_conv(l, &net->conv_out, c->n_latent, c->channels[0], 3, 1, true, "conv_out");
}

int hf_unet_open(hf_unet **out, hf_backend *be, const hf_weights *weights, const hf_unet_config *config,
                 hf_dtype arithmetic, hf_error *err)
{
    hf_unet *net = calloc(1, sizeof(*net));
    int rc;

    *out = NULL;
    if (!net)
        return hf_fail(err, HF_ENOMEM, "unet: out of memory");
    net->be = be;
    if ((rc = hf_unet_lay_out(net, config, err)) < 0)
        goto end;
    net->stream_type = hf_layers_stream_type(be, arithmetic);
    if ((rc = hf_layers_new(&net->layers, be, weights, arithmetic, err)) < 0)
        goto end;
    load(net);
    if ((rc = hf_layers_status(net->layers, err)) < 0)
        goto end;
    *out = net;
    net = NULL;
end:
    hf_unet_close(&net);
    return rc;
}

void hf_unet_close(hf_unet **net)
{
    if (!net || !*net)
        return;
    hf_arena_free(&(*net)->scratch);
    hf_layers_free(&(*net)->layers);
    free(*net);
    *net = NULL;
}

const hf_unet_config *hf_unet_get_config(const hf_unet *net) { return &net->config; }

hf_backend *hf_unet_get_backend(const hf_unet *net) { return net->be; }

int64_t hf_unet_weight_bytes(const hf_unet *net) { return hf_layers_bytes(net->layers); }

/* What a walk that makes constants knows. */
typedef struct making {
    hf_pass         pass;
    hf_dtype        type;  /* of a prompt's keys and values */
    hf_tensor       input; /* the embedding of the text, or of the times */
    hf_unet_prompt *prompt;
    hf_unet_times  *times;
} making;

static void make_keys(void *ctx, hf_unet_transformer *t)
{
    making *m = ctx;
    int64_t L = m->input.shape[1];
    hf_tensor *k = &m->prompt->k[t->index], *v = &m->prompt->v[t->index];

    *k = hf_pass_take(&m->pass, m->type, 3, 1, L, t->channels);
    *v = hf_pass_take(&m->pass, m->type, 3, 1, L, t->channels);
    hf_pass_linear(&m->pass, k, &m->input, &t->cross_k, NULL, HF_ACT_NONE);
    hf_pass_linear(&m->pass, v, &m->input, &t->cross_v, NULL, HF_ACT_NONE);
}

int hf_unet_prompt_new(hf_unet_prompt **out, hf_unet *net, const hf_tensor *embedding, hf_error *err)
{
    hf_unet_prompt *p = calloc(1, sizeof(*p));
    int rc;

    *out = NULL;
    if (!p)
        return hf_fail(err, HF_ENOMEM, "prompt: out of memory");
    if (embedding->n_dims != 2 || embedding->shape[1] != net->config.context_dim) {
        rc = hf_fail(err, HF_EMODEL, "unet: the text embedding has %lld channels, want %d",
                     (long long)embedding->shape[embedding->n_dims - 1], net->config.context_dim);
        goto end;
    }
    if ((rc = hf_arena_new(&p->memory, net->be, "prompt", err)) < 0)
        goto end;
    making m = { .pass = { .be = net->be, .arena = p->memory, .err = err }, .type = net->stream_type, .prompt = p };
    m.input = hf_tensor_view(embedding->data, embedding->dtype, 3, 1, embedding->shape[0], embedding->shape[1]);
    hf_unet_walk(net, NULL, make_keys, &m);
    if ((rc = hf_arena_seal(p->memory, 0, err)) < 0)
        goto end;
    hf_unet_walk(net, NULL, make_keys, &m);
    if ((rc = m.pass.rc) < 0 || (rc = net->be->ops.sync(net->be, err)) < 0)
        goto end;
    *out = p;
    p = NULL;
end:
    hf_unet_prompt_free(&p);
    return rc;
}

void hf_unet_prompt_free(hf_unet_prompt **prompt)
{
    if (!prompt || !*prompt)
        return;
    hf_arena_free(&(*prompt)->memory);
    free(*prompt);
    *prompt = NULL;
}

/* Channel k of C: cos, then sin, of t / 10000^(k / (C/2)); in float, as the published code does it. */
static void sinusoid(float *out, int t, int C)
{
    int half = C / 2;
    for (int k = 0; k < half; k++) {
        float exponent = -logf(10000.0f) * (float)k / (float)half;
        float angle = (float)t * expf(exponent);
        out[k] = (float)cos(angle);
        out[half + k] = (float)sin(angle);
    }
    if (C % 2)
        out[C - 1] = 0;
}

static void make_bias(void *ctx, hf_unet_resnet *resnet)
{
    making *m = ctx;
    hf_tensor *bias = &m->times->bias[resnet->index];

    *bias = hf_pass_take(&m->pass, HF_F32, 2, m->times->n, resnet->c_out);
    hf_pass_linear(&m->pass, bias, &m->input, &resnet->time, NULL, HF_ACT_NONE);
    hf_pass_add(&m->pass, bias, bias, &resnet->conv1.bias, 1, 1);
}

/* silu(linear_2(silu(linear_1(sinusoid)))): what every ResNet projects. */
static void make_all_biases(hf_unet *net, making *m, const float *waves)
{
    int64_t n = m->times->n, C = net->config.channels[0];
    hf_pass *p = &m->pass;
    hf_tensor wave = hf_pass_take(p, HF_F32, 2, n, C), middle = hf_pass_take(p, HF_F32, 2, n, 4 * C);

    m->input = hf_pass_take(p, HF_F32, 2, n, 4 * C);
    if (p->rc >= 0 && !hf_pass_plans(p) && (p->rc = net->be->ops.write(net->be, &wave, waves, p->err)) >= 0)
        p->rc = net->be->ops.sync(net->be, p->err);
    hf_pass_linear(p, &middle, &wave, &net->time1, NULL, HF_ACT_SILU);
    hf_pass_linear(p, &m->input, &middle, &net->time2, NULL, HF_ACT_SILU);
    hf_unet_walk(net, make_bias, NULL, m);
}

int hf_unet_times_new(hf_unet_times **out, hf_unet *net, const int *steps, int n, hf_error *err)
{
    hf_unet_times *t = calloc(1, sizeof(*t));
    int C = net->config.channels[0], rc;
    float *waves = malloc((size_t)n * (size_t)C * sizeof(float));

    *out = NULL;
    if (!t || !waves) {
        rc = hf_fail(err, HF_ENOMEM, "time steps: out of memory");
        goto end;
    }
    t->n = n;
    for (int i = 0; i < n; i++)
        sinusoid(waves + (size_t)i * (size_t)C, steps[i], C);
    if ((rc = hf_arena_new(&t->memory, net->be, "time steps", err)) < 0)
        goto end;
    making m = { .pass = { .be = net->be, .arena = t->memory, .err = err }, .times = t };
    make_all_biases(net, &m, waves);
    if ((rc = hf_arena_seal(t->memory, 0, err)) < 0)
        goto end;
    make_all_biases(net, &m, waves);
    if ((rc = m.pass.rc) < 0 || (rc = net->be->ops.sync(net->be, err)) < 0)
        goto end;
    *out = t;
    t = NULL;
end:
    free(waves);
    hf_unet_times_free(&t);
    return rc;
}

void hf_unet_times_free(hf_unet_times **times)
{
    if (!times || !*times)
        return;
    hf_arena_free(&(*times)->memory);
    free(*times);
    *times = NULL;
}
