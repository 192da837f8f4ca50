/* mask_colors.c - see mask_colors.h.
 *
 * Steps: count every colour in a hash table; pick the objects by inner pixels;
 * give each colour of the table an object or "edge"; give edge pixels the most similar of the
 * objects that lie close by. Closeness matters: half of (255,0,0) on black is
 * (128,0,0), which may be the colour of another object far away.
 */
#include "io/mask_colors.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_BITS 17
#define TABLE_SIZE (1 << TABLE_BITS)
#define COLORS_GIVE_UP (1 << 16)  /* different colours; drawings have far fewer */
#define CLEAN_COLORS 64           /* at most so many: no lossy format was in the way */
#define HARD_COLORS 16            /* at most so many: nothing was blurred, thin lines count */
#define THIN_MIN_PX 4
#define MIN_AREA_SHARE 0.7        /* of all pixels must be near an object's colour or background, */
#define MIN_OBJECT_SHARE 0.4      /* and of those that are not background: a cut-out photo has little */
#define NEAR_RADIUS 4             /* anti-aliasing and mild blur reach no further */
#define FAR_RADIUS 12
#define EDGE (-1)

typedef struct entry {
    uint32_t rgb;
    int      slot; /* 0 = background, i+1 = object i, or EDGE */
    int64_t  n_px, inner_px, first;
} entry;

typedef struct finder {
    const uint8_t *rgba;
    int            width, height, tolerance;
    int            n_entries;
    entry         *entries;  /* [COLORS_GIVE_UP] in the order of their first pixel */
    int32_t       *table;    /* [TABLE_SIZE] index of an entry, or -1 */
    int32_t       *order;    /* [COLORS_GIVE_UP] entries by inner pixels */
    uint16_t      *of_pixel; /* [H,W] entry of each pixel */
    uint8_t       *inner;    /* [H,W] 1: inside an area */
    int            n_objects;
    int32_t        objects[HF_COLORS_MAX + 1]; /* entries; [0] is the background */
} finder;

static uint32_t color_at(const uint8_t *rgba, size_t pixel)
{
    const uint8_t *p = rgba + 4 * pixel;
    return p[3] < 128 ? 0 : (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static int channel(uint32_t rgb, int c)
{
    return (int)(rgb >> (16 - 8 * c) & 255);
}

/* Largest channel difference. */
static int distance(uint32_t a, uint32_t b)
{
    int worst = 0;
    for (int c = 0; c < 3; c++) {
        int d = abs(channel(a, c) - channel(b, c));
        worst = d > worst ? d : worst;
    }
    return worst;
}

/* Entry of a colour, made if it is new; -1 if there are too many. */
static int entry_of(finder *f, uint32_t rgb, int64_t pixel)
{
    uint32_t i = (rgb * 2654435761u) >> (32 - TABLE_BITS);
    while (f->table[i] >= 0) {
        if (f->entries[f->table[i]].rgb == rgb)
            return f->table[i];
        i = (i + 1) & (TABLE_SIZE - 1);
    }
    if (f->n_entries == COLORS_GIVE_UP - 1)
        return -1;
    f->entries[f->n_entries] = (entry){ .rgb = rgb, .first = pixel };
    return f->table[i] = f->n_entries++;
}

/* 0 if there are more colours than any drawing has. */
static int count_colors(finder *f)
{
    int64_t n = (int64_t)f->width * f->height;
    memset(f->table, 0xff, sizeof(*f->table) * TABLE_SIZE);
    f->objects[0] = entry_of(f, 0, n); /* the background, even if nothing is black */
    f->n_objects = 1;
    for (int64_t i = 0; i < n; i++) {
        int e = entry_of(f, color_at(f->rgba, (size_t)i), i);
        if (e < 0)
            return 0;
        f->of_pixel[i] = (uint16_t)e;
        f->entries[e].n_px++;
    }
    return 1;
}

/* 1 if the 3 x 3 surroundings, as far as they are in the picture, are one colour. */
static int is_inner(const finder *f, int x, int y)
{
    const uint16_t *at = f->of_pixel + (size_t)y * (size_t)f->width + x;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            if (x + dx < 0 || x + dx >= f->width || y + dy < 0 || y + dy >= f->height)
                continue;
            if (at[dy * f->width + dx] != *at)
                return 0;
        }
    return 1;
}

static void count_inner(finder *f)
{
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            size_t i = (size_t)y * (size_t)f->width + (size_t)x;
            f->inner[i] = (uint8_t)is_inner(f, x, y);
            f->entries[f->of_pixel[i]].inner_px += f->inner[i];
        }
}

/* 1 if rgb lies near the line between two objects' colours: what an edge between them looks like. */
static int is_mixture(const finder *f, uint32_t rgb)
{
    int slack = f->tolerance > 8 ? f->tolerance : 8;
    for (int i = 0; i < f->n_objects; i++)
        for (int j = i + 1; j < f->n_objects; j++) {
            uint32_t a = f->entries[f->objects[i]].rgb, b = f->entries[f->objects[j]].rgb;
            double along = 0, length = 0;
            for (int c = 0; c < 3; c++) {
                double d = channel(b, c) - channel(a, c);
                along += d * (channel(rgb, c) - channel(a, c));
                length += d * d;
            }
            double t = length > 0 ? along / length : 0, worst = 0;
            if (t < 0 || t > 1)
                continue;
            for (int c = 0; c < 3; c++) {
                double d = channel(a, c) + t * (channel(b, c) - channel(a, c)) - channel(rgb, c);
                worst = d > worst ? d : -d > worst ? -d : worst;
            }
            if (worst <= slack)
                return 1;
        }
    return 0;
}

static int nearest_object(const finder *f, uint32_t rgb, int *at_distance)
{
    int best = 0;
    *at_distance = 256;
    for (int i = 0; i < f->n_objects; i++) {
        int d = distance(rgb, f->entries[f->objects[i]].rgb);
        if (d < *at_distance) {
            *at_distance = d;
            best = i;
        }
    }
    return best;
}

static int is_object(const finder *f, const entry *e, int64_t min_inner_px)
{
    int d, clean = f->n_entries <= CLEAN_COLORS, hard = f->n_entries <= HARD_COLORS;
    nearest_object(f, e->rgb, &d);
    /* Two areas of nearly one colour are two objects if nothing blurred the picture. */
    if (d <= (clean && e->inner_px > 0 ? 0 : f->tolerance))
        return 0;
    if (e->inner_px > 0)
        return e->inner_px >= min_inner_px;
    return min_inner_px == 0 && hard && e->n_px >= THIN_MIN_PX &&
           !is_mixture(f, e->rgb);
}

static int by_inner(const void *a, const void *b, void *entries)
{
    const entry *x = (entry *)entries + *(const int32_t *)a, *y = (entry *)entries + *(const int32_t *)b;
    if (x->inner_px != y->inner_px)
        return x->inner_px > y->inner_px ? -1 : 1;
    if (x->n_px != y->n_px)
        return x->n_px > y->n_px ? -1 : 1;
    return x->first < y->first ? -1 : 1;
}

static int by_first(const void *a, const void *b, void *entries)
{
    const entry *x = (entry *)entries + *(const int32_t *)a, *y = (entry *)entries + *(const int32_t *)b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Largest areas first, so that a colour meets what it might be a variation of. 0 if there are too many. */
static int pick_objects(finder *f, int64_t min_inner_px)
{
    for (int i = 0; i < f->n_entries; i++)
        f->order[i] = i;
    qsort_r(f->order, (size_t)f->n_entries, sizeof(*f->order), by_inner, f->entries);
    for (int i = 0; i < f->n_entries; i++) {
        const entry *e = &f->entries[f->order[i]];
        if (f->order[i] == f->objects[0] || !is_object(f, e, min_inner_px))
            continue;
        if (f->n_objects == HF_COLORS_MAX + 1)
            return 0;
        f->objects[f->n_objects++] = f->order[i];
    }
    qsort_r(f->objects + 1, (size_t)f->n_objects - 1, sizeof(*f->objects), by_first, f->entries);
    return 1;
}

/* Colours near an object's become that object, the others edges. 0 if too much would be edge. */
static int sort_colors(finder *f)
{
    int64_t sure_px = 0, n_px = (int64_t)f->width * f->height;
    int64_t ground_px = f->entries[f->objects[0]].n_px;
    for (int i = 0; i < f->n_entries; i++) {
        int d, slot = nearest_object(f, f->entries[i].rgb, &d);
        f->entries[i].slot = d <= f->tolerance ? slot : EDGE;
        sure_px += d <= f->tolerance ? f->entries[i].n_px : 0;
    }
    return (double)sure_px >= MIN_AREA_SHARE * (double)n_px &&
           (double)(sure_px - ground_px) >= MIN_OBJECT_SHARE * (double)(n_px - ground_px);
}

/* Most similar object among those seen within `radius` of the pixel; EDGE if there is none.
 * With only_areas, a colour outside an area does not count: it may be an edge that looks like an object. */
static int nearby_object(const finder *f, int x, int y, int radius, int only_areas)
{
    uint32_t rgb = f->entries[f->of_pixel[(size_t)y * (size_t)f->width + x]].rgb;
    int best = EDGE, best_distance = 256;
    for (int v = y - radius; v <= y + radius; v++) {
        if (v < 0 || v >= f->height)
            continue;
        for (int u = x - radius; u <= x + radius; u++) {
            if (u < 0 || u >= f->width)
                continue;
            size_t i = (size_t)v * (size_t)f->width + (size_t)u;
            int slot = f->entries[f->of_pixel[i]].slot;
            if (slot == EDGE || slot == best)
                continue;
            if (only_areas && !f->inner[i] && f->entries[f->objects[slot]].inner_px > 0)
                continue;
            int d = distance(rgb, f->entries[f->objects[slot]].rgb);
            if (d < best_distance) {
                best_distance = d;
                best = slot;
            }
        }
    }
    return best;
}

static int64_t fill_slots(const finder *f, uint8_t *slots)
{
    int64_t snapped_px = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            size_t i = (size_t)y * (size_t)f->width + x;
            int d, slot = f->entries[f->of_pixel[i]].slot;
            snapped_px += slot == EDGE;
            if (slot == EDGE)
                slot = nearby_object(f, x, y, NEAR_RADIUS, 1);
            if (slot == EDGE)
                slot = nearby_object(f, x, y, NEAR_RADIUS, 0);
            if (slot == EDGE)
                slot = nearby_object(f, x, y, FAR_RADIUS, 0);
            if (slot == EDGE)
                slot = nearest_object(f, f->entries[f->of_pixel[i]].rgb, &d);
            slots[i] = (uint8_t)slot;
        }
    return snapped_px;
}

static void report_objects(hf_colors *out, const finder *f)
{
    out->n = f->n_objects - 1;
    for (int i = 0; i < out->n; i++) {
        const entry *e = &f->entries[f->objects[i + 1]];
        hf_color_object *o = &out->object[i];
        for (int c = 0; c < 3; c++)
            o->rgb[c] = (uint8_t)channel(e->rgb, c);
        o->n_px = e->n_px;
        o->inner_px = e->inner_px;
        o->first = e->first;
    }
}

static void find(hf_colors *out, uint8_t *slots, finder *f, int64_t min_inner_px)
{
    int counted = count_colors(f);
    out->n_found = f->n_entries;
    out->verdict = HF_COLORS_PHOTO;
    if (!counted)
        return;
    count_inner(f);
    if (!pick_objects(f, min_inner_px)) {
        out->verdict = HF_COLORS_TOO_MANY;
        return;
    }
    if (!sort_colors(f))
        return;
    out->snapped_px = fill_slots(f, slots);
    report_objects(out, f);
    out->verdict = HF_COLORS_OK;
}

int hf_colors_find(hf_colors *out, uint8_t *slots, const uint8_t *rgba, int width, int height,
                   int tolerance, int64_t min_inner_px, hf_error *err)
{
    finder f = { .rgba = rgba, .width = width, .height = height, .tolerance = tolerance };
    int rc = HF_OK;

    memset(out, 0, sizeof(*out));
    f.entries = malloc(sizeof(*f.entries) * COLORS_GIVE_UP);
    f.order = malloc(sizeof(*f.order) * COLORS_GIVE_UP);
    f.table = malloc(sizeof(*f.table) * TABLE_SIZE);
    f.of_pixel = malloc(sizeof(*f.of_pixel) * (size_t)width * (size_t)height);
    f.inner = malloc((size_t)width * (size_t)height);
    if (!f.entries || !f.order || !f.table || !f.of_pixel || !f.inner)
        rc = hf_fail(err, HF_ENOMEM, "mask: out of memory for %d x %d pixels", width, height);
    else
        find(out, slots, &f, min_inner_px);
    free(f.entries);
    free(f.order);
    free(f.table);
    free(f.of_pixel);
    free(f.inner);
    return rc;
}
