/* match_tables.c - see match_tables.h.
 *
 * Lengths of upsampled vectors come from the cosines between the corners of a
 * quad (10 terms instead of D), except where the corners nearly cancel.
 */
#include "propagate/match_tables.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/simd.h"

/* Below this squared length, relative to that of the parts, the Gram form has lost too many digits. */
#define CANCELLED 1e-3

void *hf_match_take(hf_match_arena *arena, size_t n, size_t size)
{
    size_t at = arena->used;
    arena->used += (n * size + 63) / 64 * 64;
    return arena->base ? arena->base + at : NULL;
}

static void plan_axis(hf_match_axis *axis, hf_match_arena *arena, int n_px, int n_cells)
{
    axis->n_px = n_px;
    axis->n_cells = n_cells;
    axis->n_quads = n_cells > 1 ? n_cells - 1 : 1;
    axis->step = n_cells > 1;
    /* A quad is one cell wide; the border adds the clamped position. */
    axis->max_in_quad = n_px / n_cells + 3 < n_px ? n_px / n_cells + 3 : n_px;
    axis->start = hf_match_take(arena, (size_t)axis->n_quads + 1, sizeof(int));
    axis->pattern = hf_match_take(arena, (size_t)axis->n_quads, sizeof(int));
    axis->first = hf_match_take(arena, (size_t)n_px, sizeof(int));
    axis->position = hf_match_take(arena, (size_t)n_px, sizeof(int));
    axis->far = hf_match_take(arena, (size_t)n_px, sizeof(double));
}

static bool same_weights(const hf_match_axis *axis, int i, int j)
{
    int n = axis->start[i + 1] - axis->start[i];
    return n == axis->start[j + 1] - axis->start[j] &&
           memcmp(axis->far + axis->start[i], axis->far + axis->start[j],
                  (size_t)n * sizeof(double)) == 0;
}

static void fill_axis(hf_match_axis *axis)
{
    int n_pos = 0, quad = -1;
    double last = -1;

    for (int px = 0; px < axis->n_px; px++) {
        double at = (px + 0.5) * (double)axis->n_cells / (double)axis->n_px - 0.5;
        at = fmin(fmax(at, 0), axis->n_cells - 1);
        int cell = (int)at < axis->n_quads ? (int)at : axis->n_quads - 1;
        if (at > last) {
            while (quad < cell)
                axis->start[++quad] = n_pos;
            axis->first[n_pos] = px;
            axis->far[n_pos++] = at - cell;
            last = at;
        }
        axis->position[px] = n_pos - 1;
    }
    while (quad < axis->n_quads)
        axis->start[++quad] = n_pos;
    for (int i = 0; i < axis->n_quads; i++) {
        assert(axis->start[i + 1] - axis->start[i] <= axis->max_in_quad);
        /* Patterns repeat at once (regular grids) or hardly ever: two looks are enough. */
        axis->pattern[i] = i;
        for (int j = i - 1; j >= 0 && j >= i - 2 && axis->pattern[i] == i; j--)
            if (same_weights(axis, i, j))
                axis->pattern[i] = axis->pattern[j];
    }
}

void hf_match_map_plan(hf_match_map *map, hf_match_arena *arena, const hf_tensor *t, int W, int H)
{
    int h = (int)t->shape[0], w = (int)t->shape[1];
    map->n = h * w;
    map->D = (int)t->shape[2];
    map->raw = t->data;
    plan_axis(&map->x, arena, W, w);
    plan_axis(&map->y, arena, H, h);
    map->unit = hf_match_take(arena, (size_t)map->n * (size_t)map->D, sizeof(float));
    map->norm = hf_match_take(arena, (size_t)map->n, sizeof(double));
    map->cos = hf_match_take(arena, (size_t)map->n, sizeof(*map->cos));
}

HF_CLONES static double dot_double(const float *a, const float *b, int D)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int d = 0; d < D; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

static double cosine(const hf_match_map *map, int i, int j)
{
    if (map->norm[i] == 0 || map->norm[j] == 0)
        return 0;
    return dot_double(map->raw + (int64_t)i * map->D, map->raw + (int64_t)j * map->D, map->D) /
           (map->norm[i] * map->norm[j]);
}

static void fill_unit(hf_match_map *map, int i)
{
    const float *raw = map->raw + (int64_t)i * map->D;
    float *unit = map->unit + (int64_t)i * map->D;
    double square = dot_double(raw, raw, map->D);
    bool usable = isfinite(square) && square > 0;

    map->norm[i] = usable ? sqrt(square) : 0;
    for (int d = 0; d < map->D; d++)
        unit[d] = usable ? (float)(raw[d] / map->norm[i]) : 0;
}

void hf_match_map_fill(hf_match_map *map, int n_threads)
{
    int w = map->x.n_cells, h = map->y.n_cells;

    fill_axis(&map->x);
    fill_axis(&map->y);
#pragma omp parallel for num_threads(n_threads)
    for (int i = 0; i < map->n; i++)
        fill_unit(map, i);
#pragma omp parallel for num_threads(n_threads)
    for (int i = 0; i < map->n; i++) {
        int right = i % w + 1 < w ? 1 : 0, below = i / w + 1 < h ? w : 0;
        map->cos[i][0] = cosine(map, i, i + right);
        map->cos[i][1] = cosine(map, i, i + below);
        map->cos[i][2] = cosine(map, i, i + right + below);
        map->cos[i][3] = cosine(map, i + right, i + below);
    }
}

void hf_match_corners_get(hf_match_corners *c, const hf_match_map *map, int qy, int qx)
{
    int below = map->y.step * map->x.n_cells, at = qy * map->x.n_cells + qx;
    int cell[4] = { at, at + map->x.step, at + below, at + below + map->x.step };

    c->scale = 0;
    for (int j = 0; j < 4; j++) {
        c->cell[j] = cell[j];
        c->scale = fmax(c->scale, map->norm[cell[j]]);
    }
    for (int j = 0; j < 4; j++)
        c->norm[j] = c->scale > 0 ? map->norm[cell[j]] / c->scale : 0;
    /* Of an axis with one cell, near and far corner are the same cell; its cosine with itself is 1
     * and the far weight 0, so that nothing is special. */
    c->cos[0] = map->cos[cell[0]][0];
    c->cos[1] = map->cos[cell[0]][1];
    c->cos[2] = map->cos[cell[0]][2];
    c->cos[3] = map->cos[cell[0]][3];
    c->cos[4] = map->cos[cell[1]][1];
    c->cos[5] = map->cos[cell[2]][0];
}

void hf_match_weights(double w[4], double far_y, double far_x)
{
    w[0] = (1 - far_x) * (1 - far_y);
    w[1] = far_x * (1 - far_y);
    w[2] = (1 - far_x) * far_y;
    w[3] = far_x * far_y;
}

/* The same sum, in the same order, as the definition: what cancels there cancels here. */
static double length_direct(const hf_match_corners *c, const hf_match_map *map, const double w[4])
{
    double square = 0;
    for (int d = 0; d < map->D; d++) {
        double v = 0;
        for (int j = 0; j < 4; j++)
            if (c->norm[j] > 0)
                v += w[j] * map->raw[(int64_t)c->cell[j] * map->D + d];
        square += v * v;
    }
    return sqrt(square) / c->scale;
}

double hf_match_length(const hf_match_corners *c, const hf_match_map *map, const double w[4])
{
    double u[4], sum = 0;
    for (int j = 0; j < 4; j++)
        sum += u[j] = w[j] * c->norm[j];
    if (sum == 0)
        return 0;
    double square = u[0] * u[0] + u[1] * u[1] + u[2] * u[2] + u[3] * u[3] +
                    2 * (u[0] * (u[1] * c->cos[0] + u[2] * c->cos[1] + u[3] * c->cos[2]) +
                         u[1] * (u[2] * c->cos[3] + u[3] * c->cos[4]) + u[2] * u[3] * c->cos[5]);
    return square > CANCELLED * sum * sum ? sqrt(square) : length_direct(c, map, w);
}

void hf_match_target_plan(hf_match_target *t, hf_match_arena *arena, const hf_tensor *features,
                          int W, int H)
{
    hf_match_map_plan(&t->map, arena, features, W, H);
    t->n_quads = t->map.x.n_cells * t->map.y.n_quads;
    size_t n = (size_t)t->n_quads;
    size_t n_positions = (size_t)W * (size_t)H + n * (HF_MATCH_LANES - 1);
    t->n_positions = hf_match_take(arena, n, sizeof(int));
    t->n_padded = hf_match_take(arena, n, sizeof(int));
    t->offset = hf_match_take(arena, n, sizeof(int64_t));
    t->bound = hf_match_take(arena, (size_t)hf_match_pad(t->n_quads), sizeof(float));
    t->mix = hf_match_take(arena, HF_MATCH_N_MIXES * n, sizeof(float));
    t->bound_part = hf_match_take(arena, n, sizeof(float));
    t->b = hf_match_take(arena, 4 * n_positions, sizeof(float));
    t->q = hf_match_take(arena, n_positions, sizeof(int32_t));
    t->quad_zero = hf_match_take(arena, n, sizeof(int32_t));
    t->same = hf_match_take(arena, (size_t)t->map.n, sizeof(int));
    t->table = hf_match_take(arena, 2 * (size_t)t->map.n, sizeof(int));
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

/* The slot of `key` in an open table of n slots: empty (-1) or holding an equal entry. */
static int *find_slot(hf_match_target *t, uint64_t hash, int key,
                      bool (*equal)(const hf_match_target *, int, int))
{
    size_t n = 2 * (size_t)t->map.n, at = hash % n;
    while (t->table[at] >= 0 && !equal(t, t->table[at], key))
        at = at + 1 < n ? at + 1 : 0;
    return &t->table[at];
}

static bool equal_cells(const hf_match_target *t, int i, int j)
{
    size_t D = (size_t)t->map.D;
    if (t->map.norm[i] == 0 || t->map.norm[j] == 0)
        return t->map.norm[i] == t->map.norm[j];
    return memcmp(t->map.raw + (size_t)i * D, t->map.raw + (size_t)j * D, D * sizeof(float)) == 0;
}

static void fill_same(hf_match_target *t)
{
    memset(t->table, -1, 2 * (size_t)t->map.n * sizeof(int));
    for (int i = 0; i < t->map.n; i++) {
        uint64_t hash = 0;
        uint32_t bits;
        for (int d = 0; d < t->map.D && t->map.norm[i] > 0; d++) {
            memcpy(&bits, &t->map.raw[(size_t)i * (size_t)t->map.D + (size_t)d], sizeof(bits));
            hash = mix(hash, bits);
        }
        int *slot = find_slot(t, hash, i, equal_cells);
        if (*slot < 0)
            *slot = i;
        t->same[i] = *slot;
    }
}

/* A quad's vectors: four corners by content, and the weights on both axes. A quad of four equal
 * corners has only one vector, whatever the weights. */
static void quad_key(const hf_match_target *t, int quad, int key[6])
{
    const hf_match_axis *x = &t->map.x, *y = &t->map.y;
    int below = y->step * x->n_cells;
    key[0] = t->same[quad];
    key[1] = t->same[quad + x->step];
    key[2] = t->same[quad + below];
    key[3] = t->same[quad + below + x->step];
    bool flat = key[0] == key[1] && key[0] == key[2] && key[0] == key[3];
    key[4] = flat ? -1 : y->pattern[quad / x->n_cells];
    key[5] = flat ? -1 : x->pattern[quad % x->n_cells];
}

static bool equal_quads(const hf_match_target *t, int i, int j)
{
    int a[6], b[6];
    quad_key(t, i, a);
    quad_key(t, j, b);
    return memcmp(a, b, sizeof(a)) == 0;
}

/* Of quads with the same vectors only the first can win: equal places in them
 * have equal cosines and higher pixel numbers. This is what keeps flat regions cheap. */
static void drop_twins(hf_match_target *t)
{
    memset(t->table, -1, 2 * (size_t)t->map.n * sizeof(int));
    for (int i = 0; i < t->n_quads; i++) {
        int key[6];
        uint64_t hash = 0;
        if (t->n_positions[i] == 0)
            continue;
        quad_key(t, i, key);
        for (int k = 0; k < 6; k++)
            hash = mix(hash, (uint32_t)key[k]);
        int *slot = find_slot(t, hash, i, equal_quads);
        if (*slot < 0)
            *slot = i;
        else
            t->n_positions[i] = t->n_padded[i] = 0, t->bound[i] = 0;
    }
}

static void store_position(hf_match_target *t, int quad, int k, int stride, const double b[4], int q)
{
    for (int j = 0; j < 4; j++)
        t->b[4 * t->offset[quad] + j * stride + k] = (float)b[j];
    t->q[t->offset[quad] + k] = q;
}

/* Lengths of the quad's 3 x 3 corners and middles; 0 makes a middle unusable. */
static void part_lengths(double lengths[3][3], const hf_match_corners *corners, const hf_match_map *map)
{
    double w[4];
    for (int y = 0; y < 3; y++) for (int x = 0; x < 3; x++) {
        hf_match_weights(w, y / 2., x / 2.);
        lengths[y][x] = hf_match_length(corners, map, w);
    }
}

/* sum_k b_k over the four corners of the quarter of the quad that (far_y, far_x) lies in. */
static double part_sum(double lengths[3][3], double far_y, double far_x, double length)
{
    int y = far_y >= 0.5, x = far_x >= 0.5;
    double w[4];
    hf_match_weights(w, 2 * far_y - y, 2 * far_x - x);
    return (w[0] * lengths[y][x] + w[1] * lengths[y][x + 1] + w[2] * lengths[y + 1][x] +
            w[3] * lengths[y + 1][x + 1]) / length;
}

static void store_mixes(hf_match_target *t, int quad, const hf_match_corners *corners,
                        double lengths[3][3])
{
    static const struct { int y, x, n, corner[4]; } middles[] = {
        { 0, 1, 2, { 0, 1 } }, { 1, 0, 2, { 0, 2 } }, { 1, 2, 2, { 1, 3 } },
        { 2, 1, 2, { 2, 3 } }, { 1, 1, 4, { 0, 1, 2, 3 } },
    };
    int k = 0;
    for (int m = 0; m < 5; m++) {
        double length = lengths[middles[m].y][middles[m].x];
        for (int j = 0; j < middles[m].n; j++, k++)
            t->mix[(size_t)k * (size_t)t->n_quads + (size_t)quad] =
                length > 0 ? (float)(corners->norm[middles[m].corner[j]] / middles[m].n / length) : 0;
    }
}

static void fill_quad(hf_match_target *t, int quad)
{
    const hf_match_map *map = &t->map;
    int qy = quad / map->x.n_cells, qx = quad % map->x.n_cells, key[6];
    int y0 = map->y.start[qy], y1 = map->y.start[qy + 1];
    int x0 = map->x.start[qx], x1 = map->x.start[qx + 1];
    int stride = ((y1 - y0) * (x1 - x0) + HF_MATCH_LANES - 1) / HF_MATCH_LANES * HF_MATCH_LANES;
    int n = 0, zero = -1;
    double top = 0, top_part = 0, lengths[3][3];
    hf_match_corners corners;

    hf_match_corners_get(&corners, map, qy, qx);
    part_lengths(lengths, &corners, map);
    store_mixes(t, quad, &corners, lengths);
    quad_key(t, quad, key);
    for (int py = y0; py < y1; py++) for (int px = x0; px < x1; px++) {
        double w[4], b[4], sum = 0;
        int q = map->y.first[py] * map->x.n_px + map->x.first[px];
        hf_match_weights(w, map->y.far[py], map->x.far[px]);
        double length = hf_match_length(&corners, map, w);
        if (length == 0) {
            zero = zero < 0 ? q : zero;
            continue;
        }
        if (key[4] < 0 && n > 0)
            continue;
        for (int j = 0; j < 4; j++)
            sum += b[j] = w[j] * corners.norm[j] / length;
        top = fmax(top, sum);
        top_part = fmax(top_part, part_sum(lengths, map->y.far[py], map->x.far[px], length));
        store_position(t, quad, n++, stride, b, q);
    }
    t->quad_zero[quad] = zero;
    t->n_positions[quad] = n;
    t->n_padded[quad] = stride;
    for (int k = n; n > 0 && k < stride; k++) {
        double b[4];
        for (int j = 0; j < 4; j++)
            b[j] = t->b[4 * t->offset[quad] + j * stride];
        store_position(t, quad, k, stride, b, t->q[t->offset[quad]]);
    }
    t->bound[quad] = n > 0 ? (float)(top * (1 + 1e-6)) : 0;
    t->bound_part[quad] = n > 0 ? (float)(top_part * (1 + 1e-6)) : 0;
}

void hf_match_target_fill(hf_match_target *t, int n_threads)
{
    int64_t offset = 0;

    hf_match_map_fill(&t->map, n_threads);
    fill_same(t);
    for (int i = 0; i < t->n_quads; i++) {
        const hf_match_axis *x = &t->map.x, *y = &t->map.y;
        int qy = i / x->n_cells, qx = i % x->n_cells;
        t->quad_zero[i] = -1;
        t->n_positions[i] = t->n_padded[i] = 0;
        t->bound[i] = 0;
        t->offset[i] = offset;
        if (qx >= x->n_quads)
            continue;
        int n = (y->start[qy + 1] - y->start[qy]) * (x->start[qx + 1] - x->start[qx]);
        offset += (n + HF_MATCH_LANES - 1) / HF_MATCH_LANES * HF_MATCH_LANES;
    }
#pragma omp parallel for num_threads(n_threads)
    for (int i = 0; i < t->n_quads; i++)
        if (i % t->map.x.n_cells < t->map.x.n_quads)
            fill_quad(t, i);
    drop_twins(t);
    t->first_zero = -1;
    for (int i = 0; i < t->n_quads; i++)
        if (t->quad_zero[i] >= 0 && (t->first_zero < 0 || t->quad_zero[i] < t->first_zero))
            t->first_zero = t->quad_zero[i];
}
