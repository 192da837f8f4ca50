/* vit.c - see vit.h. Tokens are [1,L,width]: the class token, the registers, then the patches row by row. */
#include "src/net/vit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/net/pass.h"

#define MAX_DEPTH 256
#define HEAD_WIDTH 64
#define EPSILON 1e-6f /* of every norm, in both repositories */
#define POSITION_OFFSET 0.1 /* cells; see interpolate_pos_encoding of either repository */

typedef struct block {
    hf_norm   norm1, norm2;
    hf_linear q, k, v, proj;
    hf_linear up, gate, down; /* fc1, none, fc2; or w2, w1, w3 */
} block;

struct hf_vit {
    hf_backend  *backend;
    hf_vit_sizes sizes;
    hf_layers   *layers; /* owns every parameter */
    hf_conv      patch;
    hf_tensor    cls, registers, positions; /* [1,1,C], [1,R,C], [1,1+side*side,C] */
    hf_norm      norm;
    block       *blocks;

    hf_arena *arena; /* for one size of picture */
    int       W, H, h, w;
    int64_t   L;
    hf_tensor head, place;                /* [1+R,C] class token and registers, [1,h,w,C] positions */
    hf_dtype  operand_type; /* of what matrices read and write; x is a sum over all layers and stays f32 */
    hf_tensor x, normed, query, key, value; /* [1,L,C] */
    hf_tensor hidden, gate;               /* [1,L,hidden]; in the memory of query, key and value */
};

/* ---- loading ---- */

static int bad_size(const hf_weights *w, hf_error *err, const char *what, int64_t found, const char *wanted)
{
    return hf_fail(err, HF_EMODEL, "%s: vision transformer: %s is %lld, want %s",
                   hf_tensor_file_path(hf_weights_file(w)), what, (long long)found, wanted);
}

static int count_blocks(const hf_weights *w)
{
    char name[64];
    int n = 0;
    for (; n <= MAX_DEPTH; n++) {
        snprintf(name, sizeof(name), "blocks.%d.norm1.weight", n);
        if (!hf_weights_has(w, name))
            break;
    }
    return n;
}

/* A dimension of an array that must be there. */
static int dimension(int64_t *size, const hf_weights *w, const char *name, int n_dims, int which, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int found, rc = hf_weights_shape(w, name, &found, shape, err);
    if (rc < 0)
        return rc;
    if (found != n_dims)
        return hf_fail(err, HF_EMODEL, "%s: vision transformer: array \"%s\" has %d dimensions, want %d",
                       hf_tensor_file_path(hf_weights_file(w)), name, found, n_dims);
    *size = shape[which];
    return HF_OK;
}

int hf_vit_sizes_read(hf_vit_sizes *s, const hf_weights *w, const hf_vit_params *params, hf_error *err)
{
    int64_t width = 0, patch = 0, positions = 0, hidden = 0, registers = 0;
    int rc;

    s->swiglu = hf_weights_has(w, "blocks.0.mlp.w3.weight");
    s->layer_scale = hf_weights_has(w, "blocks.0.ls1.gamma");
    if ((rc = dimension(&width, w, "patch_embed.proj.weight", 4, 0, err)) < 0 ||
        (rc = dimension(&patch, w, "patch_embed.proj.weight", 4, 3, err)) < 0 ||
        (rc = dimension(&positions, w, "pos_embed", 3, 1, err)) < 0 ||
        (rc = dimension(&hidden, w, s->swiglu ? "blocks.0.mlp.w1.weight" : "blocks.0.mlp.fc1.weight", 2, 0, err)) < 0)
        return rc;
    if (hf_weights_has(w, "register_tokens") && (rc = dimension(&registers, w, "register_tokens", 3, 1, err)) < 0)
        return rc;
    if (width < 1 || width > 1 << 16)
        return bad_size(w, err, "its width", width, "1..65536");
    if (patch < 1 || patch > 128)
        return bad_size(w, err, "its patch", patch, "1..128 pixels");
    if (registers > 64)
        return bad_size(w, err, "its number of registers", registers, "0..64");
    s->width = (int)width, s->patch_px = (int)patch, s->hidden = (int)hidden, s->n_registers = (int)registers;
    s->side = (int)lrint(sqrt((double)(positions > 1 ? positions - 1 : 0)));
    if (s->side < 1 || (int64_t)s->side * s->side != positions - 1)
        return bad_size(w, err, "the number of its positions", positions, "1 + a square");
    s->n_heads = params->n_heads ? params->n_heads : s->width / HEAD_WIDTH;
    if (s->n_heads < 1 || s->width % s->n_heads != 0)
        return bad_size(w, err, "its width", width, params->n_heads ? "a multiple of the heads" : "a multiple of 64");
    s->depth = count_blocks(w);
    if (s->depth < 1 || s->depth > MAX_DEPTH)
        return bad_size(w, err, "the number of its blocks", s->depth, "1..256");
    s->stride_px = params->stride_px ? params->stride_px : s->patch_px;
    if (s->stride_px < 1 || s->patch_px % s->stride_px != 0)
        return hf_fail(err, HF_EARG, "a stride of %d pixels does not divide patches of %d", s->stride_px, s->patch_px);
    return HF_OK;
}

static void load_block(hf_vit *v, int n)
{
    block *b = &v->blocks[n];
    hf_layers *l = v->layers;
    const hf_vit_sizes *s = &v->sizes;
    char scale1[64], scale2[64];
    const char *ls1 = s->layer_scale ? scale1 : NULL, *ls2 = s->layer_scale ? scale2 : NULL;

    snprintf(scale1, sizeof(scale1), "blocks.%d.ls1.gamma", n);
    snprintf(scale2, sizeof(scale2), "blocks.%d.ls2.gamma", n);
    hf_layers_norm(l, &b->norm1, s->width, "blocks.%d.norm1", n);
    hf_layers_norm(l, &b->norm2, s->width, "blocks.%d.norm2", n);
    hf_layers_linear(l, &b->q, s->width, s->width, true, "blocks.%d.attn.q", n);
    hf_layers_linear(l, &b->k, s->width, s->width, true, "blocks.%d.attn.k", n);
    hf_layers_linear(l, &b->v, s->width, s->width, true, "blocks.%d.attn.v", n);
    hf_layers_scaled(l, &b->proj, s->width, s->width, true, ls1, "blocks.%d.attn.proj", n);
    if (s->swiglu) {
        hf_layers_linear(l, &b->gate, s->hidden, s->width, true, "blocks.%d.mlp.w1", n);
        hf_layers_linear(l, &b->up, s->hidden, s->width, true, "blocks.%d.mlp.w2", n);
        hf_layers_scaled(l, &b->down, s->width, s->hidden, true, ls2, "blocks.%d.mlp.w3", n);
    } else {
        hf_layers_linear(l, &b->up, s->hidden, s->width, true, "blocks.%d.mlp.fc1", n);
        hf_layers_scaled(l, &b->down, s->width, s->hidden, true, ls2, "blocks.%d.mlp.fc2", n);
    }
}

static void load_ends(hf_vit *v)
{
    const hf_vit_sizes *s = &v->sizes;
    hf_layers_conv(v->layers, &v->patch, s->width, 3, s->patch_px, s->stride_px, true, "patch_embed.proj");
    v->patch.params = (hf_conv2d_params){ .stride = s->stride_px }; /* patches lie inside the picture */
    hf_layers_array(v->layers, &v->cls, 3, (const int64_t[]){ 1, 1, s->width }, "cls_token");
    hf_layers_array(v->layers, &v->positions, 3, (const int64_t[]){ 1, 1 + (int64_t)s->side * s->side, s->width },
                    "pos_embed");
    if (s->n_registers)
        hf_layers_array(v->layers, &v->registers, 3, (const int64_t[]){ 1, s->n_registers, s->width },
                        "register_tokens");
    hf_layers_norm(v->layers, &v->norm, s->width, "norm");
}

int hf_vit_new(hf_vit **out, hf_backend *be, const hf_weights *weights, const hf_vit_params *params, hf_error *err)
{
    hf_vit *v = NULL;
    int rc;

    *out = NULL;
    if (!(v = calloc(1, sizeof(*v)))) {
        rc = hf_fail(err, HF_ENOMEM, "vision transformer: out of memory");
        goto end;
    }
    v->backend = be;
    if ((rc = hf_vit_sizes_read(&v->sizes, weights, params, err)) < 0)
        goto end;
    if (!(v->blocks = calloc((size_t)v->sizes.depth, sizeof(*v->blocks)))) {
        rc = hf_fail(err, HF_ENOMEM, "vision transformer: out of memory");
        goto end;
    }
    v->operand_type = hf_layers_stream_type(be, params->dtype);
    if ((rc = hf_layers_new(&v->layers, be, weights, params->dtype, err)) < 0)
        goto end;
    load_ends(v);
    for (int i = 0; i < v->sizes.depth; i++)
        load_block(v, i);
    if ((rc = hf_layers_status(v->layers, err)) < 0)
        goto end;
    *out = v;
    v = NULL;
end:
    hf_vit_free(&v);
    return rc;
}

void hf_vit_free(hf_vit **vit)
{
    hf_vit *v;
    if (!vit || !(v = *vit))
        return;
    hf_arena_free(&v->arena);
    hf_layers_free(&v->layers);
    free(v->blocks);
    free(v);
    *vit = NULL;
}

const hf_vit_sizes *hf_vit_get_sizes(const hf_vit *v) { return &v->sizes; }

/* ---- one size of picture ---- */

void hf_vit_grid(const hf_vit *v, int width, int height, int *h, int *w)
{
    int patch = v->sizes.patch_px, stride = v->sizes.stride_px;
    *h = height < patch ? 0 : (height - patch) / stride + 1;
    *w = width < patch ? 0 : (width - patch) / stride + 1;
}

/* The tensors of v in memory of the arena, for the grid in v. */
static int take_all(hf_vit *v, hf_arena *arena, hf_error *err)
{
    const hf_vit_sizes *s = &v->sizes;
    int64_t C = s->width, L = v->L;
    hf_tensor *rows[] = { &v->query, &v->key, &v->value };
    int rc;

    if ((rc = hf_arena_take(arena, &v->head, err, HF_F32, 2, 1 + s->n_registers, C)) < 0 ||
        (rc = hf_arena_take(arena, &v->place, err, HF_F32, 4, 1, v->h, v->w, C)) < 0 ||
        (rc = hf_arena_take(arena, &v->x, err, HF_F32, 3, 1, L, C)) < 0 ||
        (rc = hf_arena_take(arena, &v->normed, err, v->operand_type, 3, 1, L, C)) < 0)
        return rc;
    size_t mark = hf_arena_mark(arena);
    for (int i = 0; i < 3; i++)
        if ((rc = hf_arena_take(arena, rows[i], err, v->operand_type, 3, 1, L, C)) < 0)
            return rc;
    hf_arena_rewind(arena, mark); /* attention is over when the hidden layer begins */
    if ((rc = hf_arena_take(arena, &v->hidden, err, v->operand_type, 3, 1, L, s->hidden)) < 0)
        return rc;
    return s->swiglu ? hf_arena_take(arena, &v->gate, err, v->operand_type, 3, 1, L, s->hidden) : HF_OK;
}

/* `rows` rows of x, from row `first` on, in a shape of their own. */
static hf_tensor rows_of(const hf_tensor *x, int64_t first, int n_dims, const int64_t *shape)
{
    int64_t C = x->shape[x->n_dims - 1];
    return hf_tensor_view_shape((char *)x->data + (size_t)(first * C) * hf_dtype_size(x->dtype), x->dtype, n_dims, shape);
}

/* The class token with its position, and the registers, which have none. */
static int make_head(hf_vit *v, hf_error *err)
{
    const hf_ops *ops = &v->backend->ops;
    hf_add_params add = HF_ADD_DEFAULTS;
    int64_t R = v->sizes.n_registers, C = v->sizes.width, one[] = { 1, 1, C }, all[] = { 1, R, C };
    hf_tensor first = rows_of(&v->head, 0, 3, one), rest = rows_of(&v->head, 1, 3, all);
    hf_tensor position = rows_of(&v->positions, 0, 3, one);
    int rc = ops->add(v->backend, &first, &v->cls, &position, &add, err);
    return rc < 0 || !R ? rc : ops->copy(v->backend, &rest, &v->registers, err);
}

static int make_positions(hf_vit *v, hf_error *err)
{
    int64_t side = v->sizes.side, C = v->sizes.width;
    hf_tensor learnt = rows_of(&v->positions, 1, 4, (const int64_t[]){ 1, side, side, C });
    hf_resize_params p = { .kind = HF_RESIZE_BICUBIC };

    if (v->h == side && v->w == side && v->W == v->H)
        return v->backend->ops.copy(v->backend, &v->place, &learnt, err);
    if (v->sizes.n_registers) {
        p.antialias = true;
    } else {
        p.scale_y = (double)side / (v->h + POSITION_OFFSET);
        p.scale_x = (double)side / (v->w + POSITION_OFFSET);
    }
    return v->backend->ops.resize(v->backend, &v->place, &learnt, &p, err);
}

int hf_vit_prepare(hf_vit *v, int width, int height, hf_error *err)
{
    int rc;

    hf_arena_free(&v->arena);
    hf_vit_grid(v, width, height, &v->h, &v->w);
    if (v->h < 1 || v->w < 1)
        return hf_fail(err, HF_EARG, "a picture of %d x %d pixels is smaller than a patch of %d", width, height,
                       v->sizes.patch_px);
    v->W = width, v->H = height;
    v->L = 1 + v->sizes.n_registers + (int64_t)v->h * v->w;
    if ((rc = hf_arena_new(&v->arena, v->backend, "vision transformer", err)) < 0 ||
        (rc = take_all(v, v->arena, err)) < 0 || (rc = hf_arena_seal(v->arena, 0, err)) < 0 ||
        (rc = take_all(v, v->arena, err)) < 0 || (rc = make_head(v, err)) < 0 || (rc = make_positions(v, err)) < 0)
        return rc;
    return v->backend->ops.sync(v->backend, err);
}

int64_t hf_vit_bytes(const hf_vit *v, int width, int height)
{
    const hf_vit_sizes *s = &v->sizes;
    int h, w;
    hf_vit_grid(v, width, height, &h, &w);
    int64_t L = 1 + s->n_registers + (int64_t)h * w, hidden = (int64_t)s->hidden * (s->swiglu ? 2 : 1);
    int64_t operands = (int64_t)s->width + (hidden > 3 * (int64_t)s->width ? hidden : 3 * (int64_t)s->width);
    return L * (4 * 2 * (int64_t)s->width + (int64_t)hf_dtype_size(v->operand_type) * operands);
}

/* ---- running ---- */

/* A pass and what is to be brought out of it. */
typedef struct run {
    hf_pass           pass;
    const hf_vit_tap *taps;
    int               n_taps;
} run;

static void embed(hf_vit *v, run *r, const hf_tensor *image)
{
    int64_t C = v->sizes.width, n_head = 1 + v->sizes.n_registers;
    hf_tensor batch = hf_tensor_view(image->data, image->dtype, 4, 1, v->H, v->W, 3);
    hf_tensor head = rows_of(&v->x, 0, 2, (const int64_t[]){ n_head, C });
    hf_tensor patches = rows_of(&v->x, n_head, 4, (const int64_t[]){ 1, v->h, v->w, C });
    r->pass.rc = v->backend->ops.copy(v->backend, &head, &v->head, r->pass.err);
    hf_pass_conv(&r->pass, &patches, &batch, &v->patch, &v->place, HF_ACT_NONE);
}

static bool wants(const run *r, int layer, hf_vit_facet facet)
{
    for (int i = 0; i < r->n_taps; i++)
        if (r->taps[i].layer == layer && r->taps[i].facet == facet)
            return true;
    return false;
}

/* The patches' rows of from, into every tap of this layer and facet. */
static void bring_out(hf_vit *v, run *r, int layer, hf_vit_facet facet, const hf_tensor *from)
{
    hf_tensor patches = rows_of(from, 1 + v->sizes.n_registers, 3, (const int64_t[]){ v->h, v->w, v->sizes.width });
    for (int i = 0; i < r->n_taps && r->pass.rc >= 0; i++) {
        const hf_vit_tap *tap = &r->taps[i];
        if (tap->layer != layer || tap->facet != facet)
            continue;
        if (facet == HF_VIT_TOKEN)
            hf_pass_layer_norm(&r->pass, &tap->out, &patches, &v->norm, EPSILON);
        else
            r->pass.rc = from->dtype == tap->out.dtype
                       ? v->backend->ops.copy(v->backend, &tap->out, &patches, r->pass.err)
                       : v->backend->ops.cast(v->backend, &tap->out, &patches, r->pass.err);
    }
}

static void feed_forward(hf_vit *v, hf_pass *p, const block *b)
{
    hf_pass_layer_norm(p, &v->normed, &v->x, &b->norm2, EPSILON);
    if (v->sizes.swiglu) {
        hf_pass_linear(p, &v->gate, &v->normed, &b->gate, NULL, HF_ACT_SILU);
        hf_pass_linear(p, &v->hidden, &v->normed, &b->up, NULL, HF_ACT_NONE);
        if (p->rc >= 0)
            p->rc = v->backend->ops.mul(v->backend, &v->hidden, &v->hidden, &v->gate, p->err);
    } else {
        hf_pass_linear(p, &v->hidden, &v->normed, &b->up, NULL, HF_ACT_GELU_ERF);
    }
    hf_pass_linear(p, &v->x, &v->hidden, &b->down, &v->x, HF_ACT_NONE);
}

/* One block; of the last layer, no more than what is wanted. */
static void run_block(hf_vit *v, run *r, int layer, bool is_last)
{
    const block *b = &v->blocks[layer - 1];
    const struct { hf_vit_facet facet; const hf_linear *linear; const hf_tensor *out; } inputs[] = {
        { HF_VIT_QUERY, &b->q, &v->query }, { HF_VIT_KEY, &b->k, &v->key }, { HF_VIT_VALUE, &b->v, &v->value },
    };
    hf_attention_params heads = { .n_heads = v->sizes.n_heads };
    bool goes_on = !is_last || wants(r, layer, HF_VIT_TOKEN) || wants(r, layer, HF_VIT_RAW);

    hf_pass_layer_norm(&r->pass, &v->normed, &v->x, &b->norm1, EPSILON);
    for (int i = 0; i < 3; i++)
        if (goes_on || wants(r, layer, inputs[i].facet)) {
            hf_pass_linear(&r->pass, inputs[i].out, &v->normed, inputs[i].linear, NULL, HF_ACT_NONE);
            bring_out(v, r, layer, inputs[i].facet, inputs[i].out);
        }
    if (!goes_on)
        return;
    hf_pass_attention(&r->pass, &v->normed, &v->query, &v->key, &v->value, &heads);
    hf_pass_linear(&r->pass, &v->x, &v->normed, &b->proj, &v->x, HF_ACT_NONE);
    feed_forward(v, &r->pass, b);
    bring_out(v, r, layer, HF_VIT_TOKEN, &v->x);
    bring_out(v, r, layer, HF_VIT_RAW, &v->x);
}

int hf_vit_run(hf_vit *v, const hf_tensor *image, const hf_vit_tap *taps, int n_taps, hf_error *err)
{
    run r = { .pass = { .be = v->backend, .arena = v->arena, .err = err }, .taps = taps, .n_taps = n_taps };
    int last = 0;

    assert(image->shape[0] == v->H && image->shape[1] == v->W && image->dtype == HF_F32);
    for (int i = 0; i < n_taps; i++) {
        assert(taps[i].layer >= 1 && taps[i].layer <= v->sizes.depth);
        last = taps[i].layer > last ? taps[i].layer : last;
    }
    embed(v, &r, image);
    for (int layer = 1; layer <= last && r.pass.rc >= 0; layer++)
        run_block(v, &r, layer, layer == last);
    return r.pass.rc;
}
