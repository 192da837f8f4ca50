/* post.c - see post.h. Every step is O(pixels). */
#include "propagate/post.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/nearest.h"

struct hf_post {
    int            width, height;
    hf_post_params params;
    int32_t       *map_a, *map_b; /* [H,W] distance transform, queue; f32 planes of the blur */
    int32_t       *line;          /* [2W + 2H] */
    uint8_t       *site, *copy;   /* [H,W] */
    uint8_t        memory[];
};

static int check(const hf_post_params *p, hf_error *err)
{
    if (p->grow_px < -HF_POST_MAX_GROW || p->grow_px > HF_POST_MAX_GROW)
        return hf_fail(err, HF_EARG, "grow: %d pixels, want %d..%d", p->grow_px, -HF_POST_MAX_GROW,
                       HF_POST_MAX_GROW);
    if (!(p->feather_px >= 0.0f && p->feather_px <= HF_POST_MAX_FEATHER))
        return hf_fail(err, HF_EARG, "feather: %g pixels, want 0..%g", (double)p->feather_px,
                       (double)HF_POST_MAX_FEATHER);
    if (p->despeckle_px < 0)
        return hf_fail(err, HF_EARG, "despeckle: %d pixels, want 0 or more", p->despeckle_px);
    if (p->fill_holes_px < 0)
        return hf_fail(err, HF_EARG, "fill-holes: %d pixels, want 0 or more", p->fill_holes_px);
    return HF_OK;
}

size_t hf_post_bytes(int width, int height)
{
    size_t n = (size_t)width * height;
    return sizeof(hf_post) + n * (2 * sizeof(int32_t) + 2) +
           2 * ((size_t)width + height) * sizeof(int32_t);
}

int hf_post_new(hf_post **out, int width, int height, const hf_post_params *params, hf_error *err)
{
    int rc = check(params, err);
    *out = NULL;
    if (rc < 0)
        return rc;
    hf_post *p = calloc(1, hf_post_bytes(width, height));
    if (!p)
        return hf_fail(err, HF_ENOMEM, "post-processing: out of memory for %dx%d", width, height);
    size_t n = (size_t)width * height;
    p->width = width, p->height = height, p->params = *params;
    p->map_a = (int32_t *)p->memory;
    p->map_b = p->map_a + n;
    p->line = p->map_b + n;
    p->site = (uint8_t *)(p->line + 2 * ((size_t)width + height));
    p->copy = p->site + n;
    *out = p;
    return HF_OK;
}

void hf_post_free(hf_post **post)
{
    free(*post);
    *post = NULL;
}

/* One group of joined pixels of one id, and what lies around it. */
typedef struct group {
    const int32_t *pixels;
    int32_t        n;
    bool           at_edge;     /* reaches the frame's edge */
    int32_t        beside[256]; /* pixels beside it by id */
} group;

typedef struct offset {
    int dx, dy;
} offset;

/* The first four are joined along sides, the others along corners. */
static const offset offsets[8] = {
    { -1, 0 }, { 1, 0 }, { 0, -1 }, { 0, 1 }, { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 },
};

/* Collect the group that `seed` belongs to; site marks what has been visited. */
static void collect(hf_post *p, group *g, const uint8_t *ids, int32_t seed, int n_joined)
{
    int32_t *queue = p->map_a, head = 0, tail = 0;

    memset(g, 0, sizeof(*g));
    queue[tail++] = seed;
    p->site[seed] = 1;
    while (head < tail) {
        int32_t at = queue[head++];
        int x = at % p->width, y = at / p->width;
        for (int k = 0; k < n_joined; k++) {
            int nx = x + offsets[k].dx, ny = y + offsets[k].dy;
            if (nx < 0 || ny < 0 || nx >= p->width || ny >= p->height) {
                g->at_edge = true;
                continue;
            }
            int32_t next = ny * p->width + nx;
            if (ids[next] != ids[seed]) {
                g->beside[ids[next]]++;
            } else if (!p->site[next]) {
                p->site[next] = 1;
                queue[tail++] = next;
            }
        }
    }
    g->pixels = queue;
    g->n = tail;
}

static uint8_t most_beside(const group *g)
{
    int best = 0;
    for (int id = 1; id < 256; id++)
        if (g->beside[id] > g->beside[best])
            best = id;
    return (uint8_t)best;
}

static void repaint(uint8_t *ids, const group *g, uint8_t id)
{
    for (int32_t i = 0; i < g->n; i++)
        ids[g->pixels[i]] = id;
}

static void despeckle(hf_post *p, uint8_t *ids)
{
    int32_t n = p->width * p->height;
    group g;

    memset(p->site, 0, (size_t)n);
    for (int32_t at = 0; at < n; at++) {
        if (!ids[at] || p->site[at])
            continue;
        collect(p, &g, ids, at, 8);
        if (g.n < p->params.despeckle_px)
            repaint(ids, &g, most_beside(&g));
    }
}

static void fill_holes(hf_post *p, uint8_t *ids)
{
    int32_t n = p->width * p->height;
    group g;

    memset(p->site, 0, (size_t)n);
    for (int32_t at = 0; at < n; at++) {
        if (ids[at] || p->site[at])
            continue;
        collect(p, &g, ids, at, 4);
        if (!g.at_edge && g.n < p->params.fill_holes_px)
            repaint(ids, &g, most_beside(&g));
    }
}

static int64_t distance2(int32_t a, int32_t b, int width)
{
    int64_t dx = a % width - b % width, dy = a / width - b / width;
    return dx * dx + dy * dy;
}

static void grow(hf_post *p, uint8_t *ids, int radius)
{
    int32_t n = p->width * p->height;
    hf_rect all = { 0, 0, p->width, p->height };

    memcpy(p->copy, ids, (size_t)n);
    hf_nearest_site(p->map_a, p->map_b, p->line, p->copy, all, p->width);
    for (int32_t at = 0; at < n; at++) {
        int32_t near = p->map_a[at];
        if (!ids[at] && near >= 0 && distance2(at, near, p->width) <= (int64_t)radius * radius)
            ids[at] = p->copy[near];
    }
}

/* The object's bounding box and one pixel around it: the nearest pixel that is not the
 * object's is never further out. Empty for an id that is not there. */
static hf_rect box_around(const hf_post *p, const uint8_t *ids, int id)
{
    hf_rect r = { p->width, p->height, 0, 0 };
    for (int y = 0; y < p->height; y++)
    for (int x = 0; x < p->width; x++) {
        if (ids[(int64_t)y * p->width + x] != id)
            continue;
        r.x0 = x < r.x0 ? x : r.x0, r.x1 = x + 1 > r.x1 ? x + 1 : r.x1;
        r.y0 = y < r.y0 ? y : r.y0, r.y1 = y + 1;
    }
    if (r.x1 == 0)
        return (hf_rect){ 0 };
    return (hf_rect){ r.x0 > 0 ? r.x0 - 1 : 0, r.y0 > 0 ? r.y0 - 1 : 0,
                      r.x1 < p->width ? r.x1 + 1 : r.x1, r.y1 < p->height ? r.y1 + 1 : r.y1 };
}

static void shrink_one(hf_post *p, uint8_t *ids, int id, int radius)
{
    hf_rect r = box_around(p, p->copy, id);

    for (int y = r.y0; y < r.y1; y++)
    for (int x = r.x0; x < r.x1; x++) {
        int64_t at = (int64_t)y * p->width + x;
        p->site[at] = p->copy[at] != id;
    }
    hf_nearest_site(p->map_a, p->map_b, p->line, p->site, r, p->width);
    for (int y = r.y0; y < r.y1; y++)
    for (int x = r.x0; x < r.x1; x++) {
        int32_t at = y * p->width + x, near = p->map_a[at];
        if (p->copy[at] == id && near >= 0 &&
            distance2(at, near, p->width) <= (int64_t)radius * radius)
            ids[at] = 0;
    }
}

static void shrink(hf_post *p, uint8_t *ids, int radius)
{
    bool used[256] = { false };
    size_t n = (size_t)p->width * p->height;

    memcpy(p->copy, ids, n);
    for (size_t i = 0; i < n; i++)
        used[ids[i]] = true;
    for (int id = 1; id < 256; id++)
        if (used[id])
            shrink_one(p, ids, id, radius);
}

void hf_post_ids(hf_post *post, uint8_t *ids)
{
    const hf_post_params *p = &post->params;
    if (p->despeckle_px > 0)
        despeckle(post, ids);
    if (p->fill_holes_px > 0)
        fill_holes(post, ids);
    if (p->grow_px > 0)
        grow(post, ids, p->grow_px);
    else if (p->grow_px < 0)
        shrink(post, ids, -p->grow_px);
}

/* A running mean of 2 * radius + 1 samples and a part of the two beyond, so that any
 * variance can be had: Gwosdek et al., "Theoretical foundations of Gaussian convolution by
 * extended box filtering" (2011). */
typedef struct box {
    int   radius;
    float end, scale; /* weight of the two beyond; 1 / sum of weights */
} box;

static box box_for(float sigma)
{
    double v = (double)sigma * sigma / 3.0; /* three passes share the variance */
    int r = (int)((sqrt(12.0 * v + 1.0) - 1.0) / 2.0);
    double length = 2.0 * r + 1.0;
    double end = length * (r * (r + 1.0) - 3.0 * v) / (6.0 * (v - (r + 1.0) * (r + 1.0)));
    return (box){ r, (float)end, (float)(1.0 / (length + 2.0 * end)) };
}

static inline int clamp_index(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Rows of a line of `stride` values at once, so that the vertical pass reads whole rows. */
static void box_line(float *out, const float *in, float *sum, box b, int n, int stride)
{
    memset(sum, 0, (size_t)stride * sizeof(*sum));
    for (int i = -b.radius; i <= b.radius; i++)
        for (int k = 0; k < stride; k++)
            sum[k] += in[(int64_t)clamp_index(i, n) * stride + k];
    for (int i = 0; i < n; i++) {
        const float *before = in + (int64_t)clamp_index(i - b.radius - 1, n) * stride;
        const float *after = in + (int64_t)clamp_index(i + b.radius + 1, n) * stride;
        const float *last = in + (int64_t)clamp_index(i - b.radius, n) * stride;
        float *to = out + (int64_t)i * stride;
        for (int k = 0; k < stride; k++) {
            to[k] = (sum[k] + b.end * (before[k] + after[k])) * b.scale;
            sum[k] += after[k] - last[k];
        }
    }
}

void hf_post_feather(hf_post *post, uint8_t *plane)
{
    int W = post->width, H = post->height;
    size_t n = (size_t)W * H;
    float *a = (float *)post->map_a, *b = (float *)post->map_b, *sum = (float *)post->line;
    box filter = box_for(post->params.feather_px);

    if (!(post->params.feather_px > 0.0f))
        return;
    for (size_t i = 0; i < n; i++)
        a[i] = plane[i];
    for (int pass = 0; pass < 3; pass++) {
        box_line(b, a, sum, filter, H, W);
        for (int y = 0; y < H; y++)
            box_line(a + (int64_t)y * W, b + (int64_t)y * W, sum, filter, W, 1);
    }
    for (size_t i = 0; i < n; i++)
        plane[i] = (uint8_t)(fminf(fmaxf(a[i], 0.0f), 255.0f) + 0.5f);
}
