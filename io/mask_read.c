/* mask_read.c - a PNG of any kind becomes ids; the rules are in mask.h.
 *
 * hf_mask_read picks a way by the kind of the file and by its values, each way fills
 * mask->ids and says what it did, and the closing steps count, warn and refuse.
 */
#include "io/mask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/mask_colors.h"
#include "io/png.h"

#define SMALL_IDS_MAX 32   /* gray values up to this are ids: no brightness would be so dark */
#define DARK_MAX 4095     /* 16 bits: a picture that is nowhere brighter is black to the eye */
#define FEW_LEVELS 64      /* gray levels of a drawing; a soft matte has more */
#define DAVIS_IDS_MAX 20   /* beyond, a DAVIS colour is more likely a coincidence */
#define DAVIS_LUMAS_MAX 7
#define STRAY_PX 4
#define VOID 255

typedef struct job {
    const char           *path;
    const hf_png         *png;
    const hf_mask_params *params;
    hf_mask              *mask;
    hf_mask_report       *report;
    const char           *way;  /* how it was read, for the report */
    uint8_t              *rgba; /* [H,W,4] */
} job;

static size_t n_pixels(const job *j)
{
    return (size_t)j->png->width * (size_t)j->png->height;
}

static const char *kind_name(const hf_png *png)
{
    static const char *const names[] = { "gray", "gray+alpha", "palette", "RGB", "RGBA" };
    return names[png->kind];
}

static void warn(job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(job *j, const char *format, ...)
{
    char *text = j->report->warning;
    size_t size = sizeof(j->report->warning), used = strlen(text);
    va_list args;
    used += (size_t)snprintf(text + used, size - used, used ? "; " : "%s: ", j->path);
    if (used >= size)
        return;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

/* ---- ids as stored ---- */

/* 255 is "void" in DAVIS and VOC; alone it is what "white" became in an indexed file. */
static void settle_void(job *j)
{
    size_t n = n_pixels(j);
    int other = 0;
    for (size_t i = 0; i < n && !other; i++)
        other = j->mask->ids[i] != 0 && j->mask->ids[i] != VOID;
    for (size_t i = 0; i < n; i++)
        if (j->mask->ids[i] == VOID) {
            j->mask->ids[i] = other ? 0 : 1;
            j->report->void_px += other;
        }
    if (j->report->void_px)
        warn(j, "%lld px of id 255 (void) are taken as background", (long long)j->report->void_px);
}

/* Ids that are only thin edges are what converting an anti-aliased picture to a palette leaves. */
static int has_area(const job *j, uint8_t id)
{
    int w = j->png->width, h = j->png->height;
    for (int y = 1; y + 1 < h; y++)
        for (int x = 1; x + 1 < w; x++) {
            const uint8_t *p = j->mask->ids + (size_t)y * (size_t)w + (size_t)x;
            if (*p == id && p[-1] == id && p[1] == id && p[-w] == id && p[w] == id)
                return 1;
        }
    return 0;
}

static void warn_of_edge_ids(job *j)
{
    uint8_t seen[256] = { 0 };
    int n_ids = 0, n_thin = 0;
    for (size_t i = 0; i < n_pixels(j); i++)
        seen[j->mask->ids[i]] = 1;
    for (int id = 1; id < 256; id++)
        n_ids += seen[id];
    for (int id = 1; id < 256 && n_ids > 4; id++)
        n_thin += seen[id] && !has_area(j, (uint8_t)id);
    if (2 * n_thin > n_ids)
        warn(j, "%d of %d ids are thin edges; if the mask was anti-aliased, --mask-colors rgb joins them",
             n_thin, n_ids);
}

static int read_palette(job *j)
{
    const hf_png *png = j->png;
    memcpy(j->mask->ids, png->pixels, n_pixels(j));
    memcpy(j->mask->palette, png->palette, sizeof(png->palette[0]) * (size_t)png->n_palette);
    j->mask->n_palette = png->n_palette;
    j->way = "palette index is id";
    settle_void(j);
    warn_of_edge_ids(j);
    return HF_OK;
}

/* A gray value, whatever the kind: of RGB files the red channel. */
static int gray_at(const hf_png *png, size_t i)
{
    i *= (size_t)hf_png_channels(png->kind);
    return png->bits == 16 ? ((const uint16_t *)png->pixels)[i] : ((const uint8_t *)png->pixels)[i];
}

static int take_values_as_ids(job *j, hf_error *err)
{
    for (size_t i = 0; i < n_pixels(j); i++) {
        int v = gray_at(j->png, i);
        if (v > 255)
            return hf_fail(err, HF_EFORMAT, "%s: gray value %d cannot be an id, want at most 255", j->path, v);
        j->mask->ids[i] = (uint8_t)v;
    }
    j->way = "gray value is id";
    return HF_OK;
}

/* ---- soft ---- */

static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}

static int cut_gray(job *j)
{
    for (size_t i = 0; i < n_pixels(j); i++)
        j->mask->ids[i] = j->rgba[4 * i + 3] >= 128 && luma(j->rgba + 4 * i) >= 128;
    j->way = "brightness of half and more is id 1";
    return HF_OK;
}

static int cut_alpha(job *j, hf_error *err)
{
    if (!hf_png_has_alpha(j->png))
        return hf_fail(err, HF_EFORMAT, "%s: %s PNG without transparency, but --mask-colors alpha needs it; "
                       "try auto or gray", j->path, kind_name(j->png));
    for (size_t i = 0; i < n_pixels(j); i++)
        j->mask->ids[i] = j->rgba[4 * i + 3] >= 128;
    j->way = "what is opaque is id 1";
    return HF_OK;
}

/* ---- colours ---- */

static int near_color(const uint8_t *a, const uint8_t *b, int tolerance)
{
    return abs(a[0] - b[0]) <= tolerance && abs(a[1] - b[1]) <= tolerance && abs(a[2] - b[2]) <= tolerance;
}

static int known_id(const hf_mask_colors *known, const uint8_t *rgb, int tolerance)
{
    for (int i = 0; known && i < known->n; i++)
        if (near_color(known->rgb[i], rgb, tolerance))
            return known->id[i];
    return 0;
}

/* Id of a DAVIS colour; lossy files come close only. */
static int davis_id(const uint8_t *rgb)
{
    uint8_t palette[256][3];
    hf_mask_davis_palette(palette);
    for (int id = 1; id <= DAVIS_IDS_MAX; id++)
        if (near_color(palette[id], rgb, 3))
            return id;
    return 0;
}

/* Gray that a DAVIS colour becomes when a program drops the palette. */
static int davis_luma_id(const uint8_t *rgb)
{
    uint8_t palette[256][3];
    hf_mask_davis_palette(palette);
    for (int id = 1; id <= DAVIS_LUMAS_MAX; id++)
        if (abs(luma(palette[id]) - rgb[0]) <= 1)
            return id;
    return 0;
}

static void mark_used(uint8_t *used, const hf_mask_colors *known)
{
    used[0] = 1;
    for (int i = 0; known && i < known->n; i++)
        used[known->id[i]] = 1;
}

/* Slots to ids: what is known keeps its id, DAVIS colours theirs, the others take the free ones. */
static void name_objects(job *j, const hf_colors *found, const uint8_t *wanted, uint8_t *id_of_slot)
{
    uint8_t used[256] = { 0 };
    const hf_mask_colors *known = j->params->colors;
    mark_used(used, known);
    memset(id_of_slot, 0, 256);
    for (int i = 0; i < found->n; i++)
        id_of_slot[i + 1] = (uint8_t)known_id(known, found->object[i].rgb, j->params->tolerance);
    for (int i = 0; i < found->n; i++)
        if (!id_of_slot[i + 1] && wanted[i] && !used[wanted[i]]) {
            id_of_slot[i + 1] = wanted[i];
            used[wanted[i]] = 1;
        }
    for (int i = 0, free_id = 1; i < found->n; i++) {
        if (id_of_slot[i + 1])
            continue;
        while (free_id < 255 && used[free_id])
            free_id++;
        id_of_slot[i + 1] = (uint8_t)free_id;
        used[free_id] = 1;
    }
}

/* Later key frames must give these colours the same ids; the written masks show the drawn colours. */
static void remember(job *j, const hf_colors *found, const uint8_t *id_of_slot)
{
    hf_mask_colors *known = j->params->colors;
    for (int i = 0; i < found->n; i++) {
        const uint8_t *rgb = found->object[i].rgb;
        memcpy(j->mask->palette[id_of_slot[i + 1]], rgb, 3);
        if (!known || known->n == 256 || known_id(known, rgb, 0))
            continue;
        memcpy(known->rgb[known->n], rgb, 3);
        known->id[known->n++] = id_of_slot[i + 1];
    }
}

static void apply_slots(job *j, const hf_colors *found, const uint8_t *wanted)
{
    uint8_t id_of_slot[256];
    name_objects(j, found, wanted, id_of_slot);
    for (size_t i = 0; i < n_pixels(j); i++)
        j->mask->ids[i] = id_of_slot[j->mask->ids[i]];
    remember(j, found, id_of_slot);
    j->report->snapped_px = found->snapped_px;
}

static int refuse_colors(const job *j, const hf_colors *found, hf_error *err)
{
    if (found->verdict == HF_COLORS_TOO_MANY)
        return hf_fail(err, HF_EFORMAT, "%s: more than %d object colours, want at most %d; join objects, or "
                       "raise --mask-tolerance", j->path, HF_COLORS_MAX, HF_COLORS_MAX);
    return hf_fail(err, HF_EFORMAT, "%s: %d colours or more and hardly an even area: this looks like a photo, want "
                   "one flat colour an object on black; force a reading with --mask-colors alpha, gray or rgb",
                   j->path, found->n_found);
}

static int read_colors(job *j, hf_error *err)
{
    hf_colors found;
    uint8_t wanted[HF_COLORS_MAX];
    int rc = hf_colors_find(&found, j->mask->ids, j->rgba, j->png->width, j->png->height,
                            j->params->tolerance, 0, err);
    if (rc < 0)
        return rc;
    if (found.verdict != HF_COLORS_OK)
        return refuse_colors(j, &found, err);
    for (int i = 0; i < found.n; i++)
        wanted[i] = (uint8_t)davis_id(found.object[i].rgb);
    apply_slots(j, &found, wanted);
    j->way = "one id a colour";
    return HF_OK;
}

/* ---- the choice ---- */

typedef struct levels {
    int n;             /* different values, 0 included */
    int only_white;    /* nothing but 0 and the largest possible value */
    int small;         /* all <= SMALL_IDS_MAX, but for VOID */
    int top;           /* the largest */
} levels;

static levels count_levels(const job *j)
{
    uint8_t seen[65536] = { 0 };
    levels l = { .only_white = 1, .small = 1 };
    int max = (1 << j->png->bits) - 1;
    for (size_t i = 0; i < n_pixels(j); i++)
        seen[gray_at(j->png, i)] = 1;
    for (int v = 0; v <= max; v++) {
        if (!seen[v])
            continue;
        l.n++;
        l.top = v;
        l.only_white &= v == 0 || v == max;
        l.small &= v <= SMALL_IDS_MAX || v == VOID;
    }
    return l;
}

/* Ids of gray objects: those of DAVIS if all are its colours' gray, otherwise by brightness. */
static void want_gray_ids(uint8_t *wanted, const hf_colors *found)
{
    int all_davis = found->n > 1;
    for (int i = 0; i < found->n; i++) {
        wanted[i] = (uint8_t)davis_luma_id(found->object[i].rgb);
        all_davis = all_davis && wanted[i];
    }
    for (int i = 0; i < found->n && !all_davis; i++) {
        wanted[i] = 1;
        for (int k = 0; k < found->n; k++)
            wanted[i] += found->object[k].rgb[0] < found->object[i].rgb[0];
    }
}

static int64_t bright_pixels(const job *j)
{
    int64_t n = 0;
    for (size_t i = 0; i < n_pixels(j); i++)
        n += j->rgba[4 * i] > 0;
    return n;
}

static int read_gray_areas(job *j, const levels *l, hf_error *err)
{
    hf_colors found;
    uint8_t wanted[HF_COLORS_MAX];
    int few = l->n <= FEW_LEVELS;
    /* Among many levels, only large even areas are objects: a soft matte has one, its inside. */
    int rc = hf_colors_find(&found, j->mask->ids, j->rgba, j->png->width, j->png->height,
                            j->params->tolerance, few ? 0 : bright_pixels(j) / 50 + 1, err);
    if (rc < 0)
        return rc;
    if (found.verdict != HF_COLORS_OK || found.n < (few ? 1 : 2)) {
        warn(j, "a soft mask (%d gray levels) is cut at half; if each level is an object, --mask-colors index", l->n);
        return cut_gray(j);
    }
    want_gray_ids(wanted, &found);
    apply_slots(j, &found, wanted);
    j->way = "one id a gray level";
    return HF_OK;
}

static int read_gray(job *j, hf_error *err)
{
    levels l = count_levels(j);
    int rc;
    if (l.only_white) {
        for (size_t i = 0; i < n_pixels(j); i++)
            j->mask->ids[i] = gray_at(j->png, i) > 0;
        j->way = "white is id 1";
        return HF_OK;
    }
    if (l.top > 255 && l.top <= DARK_MAX)
        return hf_fail(err, HF_EFORMAT, "%s: 16-bit gray values up to %d: too dark for a picture, and ids want at most 255",
                       j->path, l.top);
    if (!l.small && (j->png->bits < 16 || l.top > 255))
        return read_gray_areas(j, &l, err);
    if ((rc = take_values_as_ids(j, err)) == HF_OK)
        settle_void(j);
    return rc;
}

/* Transparent surroundings: drawn colours, a cut-out photo, or a black shape. */
static int read_on_transparent(job *j, hf_error *err)
{
    hf_error why = { 0 };
    int rc = read_colors(j, &why), any = 0;
    if (rc == HF_ENOMEM)
        return hf_fail(err, rc, "%s", why.text);
    for (size_t i = 0; i < n_pixels(j) && rc == HF_OK && !any; i++)
        any = j->mask->ids[i] != 0;
    if (any)
        return HF_OK;
    if (rc < 0)
        warn(j, "a picture with transparency: its opaque part is one object");
    j->report->snapped_px = 0;
    return cut_alpha(j, err);
}

static int is_transparent_somewhere(const job *j)
{
    for (size_t i = 0; i < n_pixels(j); i++)
        if (j->rgba[4 * i + 3] < 128)
            return 1;
    return 0;
}

static int is_gray(const job *j)
{
    for (size_t i = 0; i < n_pixels(j); i++) {
        const uint8_t *p = j->rgba + 4 * i;
        if (p[0] != p[1] || p[0] != p[2])
            return 0;
    }
    return 1;
}

/* Programs that write three channels leave small ids in red. */
static int is_red_ids(const job *j)
{
    for (size_t i = 0; i < n_pixels(j); i++) {
        const uint8_t *p = j->rgba + 4 * i;
        if (p[0] > SMALL_IDS_MAX || p[1] || p[2])
            return 0;
    }
    return 1;
}

/* Entry 0 is the background of every palette mask. */
static int index_can_be_id(const hf_png *png)
{
    const uint8_t *rgb = png->palette[0];
    return png->alpha[0] < 128 || (rgb[0] <= 16 && rgb[1] <= 16 && rgb[2] <= 16);
}

static int read_auto(job *j, hf_error *err)
{
    if (j->png->kind == HF_PNG_PALETTE && index_can_be_id(j->png))
        return read_palette(j);
    if (is_transparent_somewhere(j))
        return read_on_transparent(j, err);
    if (j->png->kind == HF_PNG_PALETTE)
        return read_colors(j, err);
    if (is_gray(j))
        return read_gray(j, err);
    if (j->png->bits == 8 && is_red_ids(j))
        return take_values_as_ids(j, err);
    return read_colors(j, err);
}

static int read_index(job *j, hf_error *err)
{
    if (j->png->kind == HF_PNG_PALETTE) {
        int rc = read_palette(j);
        memcpy(j->mask->ids, j->png->pixels, n_pixels(j)); /* 255 stays an id here */
        j->report->void_px = 0;
        j->report->warning[0] = 0;
        return rc;
    }
    if (!is_gray(j))
        return hf_fail(err, HF_EFORMAT, "%s: %s PNG in colours has no index, but --mask-colors index needs "
                       "one; try auto or rgb", j->path, kind_name(j->png));
    return take_values_as_ids(j, err);
}

/* Samples of colour or gray, whatever their depth. */
static int read_single(job *j)
{
    const hf_png *png = j->png;
    int channels = hf_png_channels(png->kind), n_colors = channels - (channels % 2 == 0);
    for (size_t i = 0; i < n_pixels(j); i++) {
        int any = 0;
        for (int c = 0; c < n_colors; c++) {
            size_t at = i * (size_t)channels + (size_t)c;
            any |= png->bits == 16 ? ((const uint16_t *)png->pixels)[at] : ((const uint8_t *)png->pixels)[at];
        }
        j->mask->ids[i] = any != 0;
    }
    j->way = "what is not 0 is id 1";
    return HF_OK;
}

static int read_davis(job *j, hf_error *err)
{
    if (j->png->bits == 16)
        return hf_fail(err, HF_EFORMAT, "%s: 16-bit samples, want 8-bit object ids", j->path);
    if (j->png->kind != HF_PNG_PALETTE && j->png->kind != HF_PNG_GRAY)
        return read_single(j);
    memcpy(j->mask->ids, j->png->pixels, n_pixels(j));
    j->way = "value is id";
    settle_void(j);
    j->report->warning[0] = 0; /* void is expected there */
    return HF_OK;
}

static int read_by_mode(job *j, hf_error *err)
{
    switch (j->params->mode) {
    case HF_MASK_PALETTE:
        if (j->png->kind != HF_PNG_PALETTE)
            return hf_fail(err, HF_EFORMAT, "%s: %s PNG, but --mask-colors palette wants a palette PNG; try auto",
                           j->path, kind_name(j->png));
        return read_palette(j);
    case HF_MASK_INDEX: return read_index(j, err);
    case HF_MASK_RGB:   return read_colors(j, err);
    case HF_MASK_ALPHA: return cut_alpha(j, err);
    case HF_MASK_GRAY:  return cut_gray(j);
    case HF_MASK_DAVIS: return read_davis(j, err);
    case HF_MASK_SINGLE: return read_single(j);
    default:            return read_auto(j, err);
    }
}

/* ---- the report ---- */

static void count_areas(job *j)
{
    hf_mask_report *r = j->report;
    for (size_t i = 0; i < n_pixels(j); i++)
        r->area_px[j->mask->ids[i]]++;
    for (int id = 1; id < 256; id++)
        if (r->area_px[id])
            r->ids[r->n_ids++] = (uint8_t)id;
}

static void write_text(job *j)
{
    hf_mask_report *r = j->report;
    size_t size = sizeof(r->text), room = 48; /* for the count of ids that are not listed */
    int used = snprintf(r->text, size, "%s: %s PNG %dx%d (%s), %d object%s: id%s", j->path, kind_name(j->png),
                        j->png->width, j->png->height, j->way, r->n_ids, r->n_ids == 1 ? "" : "s",
                        r->n_ids == 1 ? "" : "s");
    for (int i = 0; i < r->n_ids && used < (int)size; i++) {
        if ((size_t)used + room > size) {
            snprintf(r->text + used, size - (size_t)used, ", and %d more", r->n_ids - i);
            return;
        }
        used += snprintf(r->text + used, size - (size_t)used, "%s %d (%lld px)", i ? "," : "", r->ids[i],
                         (long long)r->area_px[r->ids[i]]);
    }
}

static void warn_of_oddities(job *j)
{
    hf_mask_report *r = j->report;
    int n_stray = 0;
    for (int i = 0; i < r->n_ids; i++)
        n_stray += r->area_px[r->ids[i]] < STRAY_PX;
    if (r->snapped_px)
        warn(j, "%lld px of edge colours are given to the object beside them", (long long)r->snapped_px);
    if (n_stray)
        warn(j, "%d object%s under %d px: stray pixels?", n_stray, n_stray == 1 ? " is" : "s are", STRAY_PX);
    if (!r->area_px[0])
        warn(j, "there is no background; it has to be black or transparent");
}

static int finish(job *j, hf_error *err)
{
    count_areas(j);
    if (j->report->n_ids == 0)
        return hf_fail(err, HF_EFORMAT, "%s: %s PNG %dx%d (%s) has no object, every pixel is background; draw the "
                       "object in white or a colour on black, or see --mask-colors", j->path,
                       kind_name(j->png), j->png->width, j->png->height, j->way);
    write_text(j);
    warn_of_oddities(j);
    return HF_OK;
}

int hf_mask_read(hf_mask **out, const char *path, const hf_mask_params *params,
                 hf_mask_report *report, hf_error *err)
{
    static const hf_mask_params defaults = HF_MASK_DEFAULTS;
    hf_mask_report own_report;
    hf_png *png = NULL;
    job j = { .path = path, .params = params ? params : &defaults,
              .report = report ? report : &own_report };
    int rc;

    *out = NULL;
    memset(j.report, 0, sizeof(*j.report));
    if (j.params->tolerance < 0 || j.params->tolerance > 255)
        return hf_fail(err, HF_EARG, "--mask-tolerance is %d, want 0..255", j.params->tolerance);
    if ((rc = hf_png_read(&png, path, err)) < 0)
        goto end;
    j.png = png;
    if ((rc = hf_mask_new(&j.mask, png->width, png->height, err)) < 0)
        goto end;
    if (!(j.rgba = malloc(n_pixels(&j) * 4))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", path, png->width, png->height);
        goto end;
    }
    hf_png_to_rgba(j.rgba, png);
    if ((rc = read_by_mode(&j, err)) < 0 || (rc = finish(&j, err)) < 0)
        goto end;
    *out = j.mask;
    j.mask = NULL;
end:
    hf_png_free(&png);
    hf_mask_free(&j.mask);
    free(j.rgba);
    return rc;
}
