/* scene.c - see scene.h.
 *
 * A layer is a flat shape in its own coordinates (u, v), carried by
 *
 *     (x, y) = centre(t) + turn(t) * scale(t) * bend_t(u, v)
 *     bend_t(u, v) = (u, v + a (0.25 + (u / 40)^2) sin(u / 14 - phase(t)))
 *
 * which has an exact inverse, because bending leaves u alone. Textures are painted once
 * into (u, v) from value noise with an integer hash.
 */
#include "samples/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_LAYERS (SCENE_OBJECTS + 1)
#define TEXELS_A_UNIT 2
#define OBJECT_HALF 64   /* object textures cover -64..64 units */
#define GROUND_HALF 256
#define GRID 3           /* GRID x GRID samples a pixel */
#define SHADOW_X 3.0
#define SHADOW_Y 4.0
#define EMBLEM_RADIUS 17.0
#define REACH 60.0
#define PI 3.14159265358979323846

typedef struct color {
    float r, g, b;
} color;

typedef struct texture {
    int    half;   /* units */
    int    side;   /* texels */
    color *texels; /* [side, side] */
} texture;

typedef struct pose {
    double cx, cy, cos, sin, sx, sy, bend, phase;
} pose;

struct scene {
    texture textures[N_LAYERS];
};

/* ---- noise ---- */

static uint32_t hash(int x, int y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x9e3779b1u ^ (uint32_t)y * 0x85ebca77u ^ seed * 0xc2b2ae3du;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    return h ^ h >> 15;
}

static double random_at(int x, int y, uint32_t seed)
{
    return hash(x, y, seed) / 4294967296.0;
}

static double mix(double a, double b, double t)
{
    return a + (b - a) * t;
}

static double smooth_step(double from, double to, double v)
{
    double t = (v - from) / (to - from);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static double value_noise(double x, double y, uint32_t seed)
{
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = smooth_step(0, 1, x - ix), fy = smooth_step(0, 1, y - iy);
    return mix(mix(random_at(ix, iy, seed), random_at(ix + 1, iy, seed), fx),
               mix(random_at(ix, iy + 1, seed), random_at(ix + 1, iy + 1, seed), fx), fy);
}

/* Four octaves, 0..1. */
static double fractal_noise(double x, double y, uint32_t seed)
{
    double sum = 0, weight = 0.5;
    for (uint32_t octave = 0; octave < 4; octave++, weight /= 2, x *= 2, y *= 2)
        sum += weight * value_noise(x, y, seed + octave);
    return sum / 0.9375;
}

static color blend(color a, color b, double t)
{
    return (color){ (float)mix(a.r, b.r, t), (float)mix(a.g, b.g, t), (float)mix(a.b, b.b, t) };
}

static color shade(color c, double gain)
{
    return (color){ (float)(c.r * gain), (float)(c.g * gain), (float)(c.b * gain) };
}

/* ---- what the layers look like ---- */

/* Pebbles: distance to the nearest and second nearest of jittered points; gaps are dark. */
static color paint_ground(double u, double v)
{
    double cell = 19, best = 1e9, second = 1e9;
    int ix = (int)floor(u / cell), iy = (int)floor(v / cell), bx = 0, by = 0;
    for (int y = iy - 1; y <= iy + 1; y++)
        for (int x = ix - 1; x <= ix + 1; x++) {
            double px = (x + 0.15 + 0.7 * random_at(x, y, 11)) * cell;
            double py = (y + 0.15 + 0.7 * random_at(x, y, 12)) * cell;
            double d = hypot(u - px, v - py);
            if (d < best) {
                second = best;
                best = d;
                bx = x;
                by = y;
            } else if (d < second)
                second = d;
        }
    color warm = { 0.52f, 0.47f, 0.42f }, cool = { 0.36f, 0.42f, 0.46f }, moss = { 0.20f, 0.26f, 0.15f };
    color stone = blend(cool, warm, random_at(bx, by, 13));
    stone = shade(stone, 0.75 + 0.4 * random_at(bx, by, 14) + 0.5 * (fractal_noise(u / 7, v / 7, 15) - 0.5));
    color gap = shade(moss, 0.6 + 0.8 * fractal_noise(u / 5, v / 5, 16));
    return blend(gap, stone, smooth_step(0.5, 3.5, second - best));
}

/* A quilt of patches with seams. */
static color paint_quilt(double u, double v)
{
    static const color cloth[] = { { 0.80f, 0.22f, 0.20f }, { 0.93f, 0.78f, 0.42f }, { 0.20f, 0.36f, 0.60f },
                                   { 0.90f, 0.88f, 0.82f }, { 0.30f, 0.55f, 0.42f }, { 0.75f, 0.45f, 0.25f } };
    int ix = (int)floor((u + 60) / 15), iy = (int)floor((v + 60) / 15);
    double fx = (u + 60) / 15 - ix, fy = (v + 60) / 15 - iy;
    color c = cloth[(ix * 2 + iy * 3 + 60 + (int)(hash(ix, iy, 21) % 2)) % 6]; /* ix, iy from -1 */
    if ((ix + iy) % 3 == 0 && hypot(fx - 0.5, fy - 0.5) < 0.28)
        c = cloth[(ix + 2 * iy + 63) % 6];
    double seam = fmin(fmin(fx, 1 - fx), fmin(fy, 1 - fy));
    c = shade(c, 0.8 + 0.4 * fractal_noise(u / 3.5, v / 3.5, 22));
    return shade(c, mix(0.55, 1, smooth_step(0.02, 0.09, seam)));
}

/* Orange and white bands, scales, an eye. */
static color paint_fish(double u, double v)
{
    color orange = { 0.98f, 0.48f, 0.10f }, white = { 0.97f, 0.95f, 0.90f }, dark = { 0.12f, 0.08f, 0.08f };
    double band = sin(u / 5.2 + 0.9 * sin(v / 7) + 0.8);
    color c = blend(orange, white, smooth_step(0.35, 0.6, band));
    c = blend(c, dark, smooth_step(0.18, 0.0, fabs(band - 0.47)));
    int row = (int)floor(v / 4);
    double su = (u + (row & 1 ? 2.5 : 0)) / 5, sv = v / 4;
    double scale = hypot(su - floor(su) - 0.3, sv - floor(sv) - 0.5);
    c = shade(c, 1.08 - 0.28 * smooth_step(0.3, 0.6, scale) - 0.012 * v);
    c = shade(c, 0.85 + 0.3 * fractal_noise(u / 4, v / 4, 31));
    double eye = hypot(u + 27, v + 4);
    c = blend(c, white, smooth_step(4.4, 3.6, eye));
    return blend(c, dark, smooth_step(2.6, 1.9, eye));
}

/* A glazed star: spiral arms and speckles. */
static color paint_star(double u, double v)
{
    color deep = { 0.16f, 0.12f, 0.45f }, violet = { 0.60f, 0.30f, 0.75f }, pale = { 0.88f, 0.82f, 0.98f };
    double r = hypot(u, v), a = atan2(v, u);
    color c = blend(deep, violet, 0.5 + 0.5 * sin(5 * a + r / 4));
    c = blend(c, pale, smooth_step(9, 5, r));
    c = blend(c, pale, smooth_step(0.68, 0.78, fractal_noise(u / 5, v / 5, 41)));
    return shade(c, 0.8 + 0.4 * fractal_noise(u / 2.5, v / 2.5, 42));
}

/* A beach ball, shaded as if round. */
static color paint_ball(double u, double v)
{
    static const color wedge[] = { { 0.95f, 0.85f, 0.20f }, { 0.12f, 0.55f, 0.35f }, { 0.95f, 0.95f, 0.92f },
                                   { 0.10f, 0.50f, 0.70f }, { 0.90f, 0.30f, 0.35f } };
    double r = hypot(u, v), a = atan2(v + 5, u + 6) / (2 * PI) + 0.5;
    color c = wedge[(int)floor(a * 5) % 5];
    double stripe = fabs(a * 5 - floor(a * 5) - 0.5);
    c = shade(c, mix(0.7, 1, smooth_step(0.5, 0.46, stripe)));
    c = shade(c, 1.15 - 0.5 * (r / 28) * (r / 28) - 0.006 * (u + v));
    return shade(c, 0.82 + 0.36 * fractal_noise(u / 3, v / 3, 51));
}

static color paint(int layer, double u, double v)
{
    switch (layer) {
    case 1:  return paint_quilt(u, v);
    case 2:  return paint_fish(u, v);
    case 3:  return paint_star(u, v);
    case 4:  return paint_ball(u, v);
    default: return paint_ground(u, v);
    }
}

static int is_inside(int layer, double u, double v)
{
    double r2 = u * u + v * v, a = u / 31 * (u / 31), b = v / 31 * (v / 31);
    switch (layer) {
    case 1: return a * a * a + b * b * b < 1;
    case 2: return (u / 38) * (u / 38) + (v / 17) * (v / 17) < 1 ||
                   (u > 28 && u < 53 - 0.35 * (19 - fabs(v)) && fabs(v) < (u - 27) * 0.75);
    case 3: return r2 < 20 * 20 || (r2 < 35 * 35 && sqrt(r2) < 27 * (1 + 0.26 * cos(5 * atan2(v, u))));
    case 4: return r2 < 27 * 27;
    default: return 1;
    }
}

/* ---- where the layers are ---- */

static pose pose_at(int layer, int t)
{
    pose p = { .sx = 1, .sy = 1 };
    double angle = 0;
    switch (layer) {
    case 0: p.cx = 160 - 0.45 * t; p.cy = 90 - 0.15 * t; p.sx = p.sy = 1 + 0.0012 * t; break;
    case 1: p.cx = 66 + 0.75 * t; p.cy = 58 + 7 * sin(0.06 * t); angle = 0.25 + 0.018 * t;
            p.sx = p.sy = 1 + 0.0045 * t; break;
    case 2: p.cx = 236 - 1.9 * t; p.cy = 141 + 3 * sin(0.11 * t); angle = 0.06 * sin(0.13 * t);
            p.bend = 6.5; p.phase = 0.33 * t; break;
    case 3: p.cx = 286 - 1.65 * t; p.cy = 46 + 0.35 * t; angle = -0.045 * t; break;
    case 4: p.cx = 190 + 1.05 * t; p.cy = 62 - 6 * sin(0.09 * t); angle = 0.03 * t;
            p.sx = 1 + 0.14 * sin(0.21 * t); p.sy = 1 - 0.14 * sin(0.21 * t); break;
    }
    p.cos = cos(angle);
    p.sin = sin(angle);
    return p;
}

static double bend_at(const pose *p, double u)
{
    return p->bend * (0.25 + (u / 40) * (u / 40)) * sin(u / 14 - p->phase);
}

static void to_picture(const pose *p, double u, double v, double *x, double *y)
{
    double a = p->sx * u, b = p->sy * (v + bend_at(p, u));
    *x = p->cx + p->cos * a - p->sin * b;
    *y = p->cy + p->sin * a + p->cos * b;
}

static void to_layer(const pose *p, double x, double y, double *u, double *v)
{
    double dx = x - p->cx, dy = y - p->cy;
    *u = (p->cos * dx + p->sin * dy) / p->sx;
    *v = (-p->sin * dx + p->cos * dy) / p->sy - bend_at(p, *u);
}

/* Nearest the viewer first. */
static const int front_to_back[N_LAYERS] = { 3, 2, 1, 4, 0 };

static void poses_at(pose poses[N_LAYERS], int t)
{
    for (int i = 0; i < N_LAYERS; i++)
        poses[i] = pose_at(i, t);
}

/* No object reaches further from its centre; saves most of the work of looking. */
static int is_out_of_reach(const pose *p, double x, double y)
{
    double dx = x - p->cx, dy = y - p->cy;
    return dx * dx + dy * dy > REACH * REACH;
}

/* Place in the depth order of what is seen at (x, y), with its own coordinates. */
static int look_at(const pose poses[N_LAYERS], double x, double y, double *u, double *v)
{
    for (int depth = 0; depth < N_LAYERS; depth++) {
        int layer = front_to_back[depth];
        if (layer && is_out_of_reach(&poses[layer], x, y))
            continue;
        to_layer(&poses[layer], x, y, u, v);
        if (is_inside(layer, *u, *v))
            return depth;
    }
    return N_LAYERS - 1; /* not reached: the ground is everywhere */
}

/* ---- textures ---- */

static int texture_new(texture *tex, int layer)
{
    tex->half = layer ? OBJECT_HALF : GROUND_HALF;
    tex->side = 2 * tex->half * TEXELS_A_UNIT;
    if (!(tex->texels = malloc(sizeof(color) * (size_t)tex->side * (size_t)tex->side)))
        return 0;
    for (int y = 0; y < tex->side; y++)
        for (int x = 0; x < tex->side; x++)
            tex->texels[y * tex->side + x] = paint(layer, (x + 0.5) / TEXELS_A_UNIT - tex->half,
                                                   (y + 0.5) / TEXELS_A_UNIT - tex->half);
    return 1;
}

static color texture_at(const texture *tex, double u, double v)
{
    double last = tex->side - 1.001;
    double x = fmin(fmax((u + tex->half) * TEXELS_A_UNIT - 0.5, 0), last);
    double y = fmin(fmax((v + tex->half) * TEXELS_A_UNIT - 0.5, 0), last);
    int ix = (int)x, iy = (int)y;
    const color *c = tex->texels + iy * tex->side + ix;
    return blend(blend(c[0], c[1], x - ix), blend(c[tex->side], c[tex->side + 1], x - ix), y - iy);
}

scene *scene_new(void)
{
    scene *s = calloc(1, sizeof(*s));
    for (int i = 0; s && i < N_LAYERS; i++)
        if (!texture_new(&s->textures[i], i))
            scene_free(&s);
    return s;
}

void scene_free(scene **s)
{
    if (!*s)
        return;
    for (int i = 0; i < N_LAYERS; i++)
        free((*s)->textures[i].texels);
    free(*s);
    *s = NULL;
}

/* ---- pictures and truth ---- */

/* Layers in front throw a hard shadow; sampling softens its edge. */
static int in_shadow(const pose poses[N_LAYERS], int depth, double x, double y)
{
    double u, v;
    return depth > 0 && look_at(poses, x - SHADOW_X, y - SHADOW_Y, &u, &v) < depth;
}

static color sample_picture(const scene *s, const pose poses[N_LAYERS], double x, double y)
{
    double u, v;
    int depth = look_at(poses, x, y, &u, &v);
    color c = texture_at(&s->textures[front_to_back[depth]], u, v);
    return in_shadow(poses, depth, x, y) ? shade(c, 0.62) : c;
}

static double grid_offset(int i)
{
    return (i + 0.5) / GRID - 0.5;
}

static uint8_t to_byte(double v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 1 ? 255 : v * 255 + 0.5);
}

/* The light flickers by some per cent, the same everywhere. */
static double light_at(int t)
{
    return 1 + 0.03 * sin(0.7 * t) + 0.015 * sin(2.3 * t);
}

void scene_render(const scene *s, uint8_t *rgb, int t)
{
    pose poses[N_LAYERS];
    poses_at(poses, t);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++, rgb += 3) {
            color sum = { 0, 0, 0 };
            for (int i = 0; i < GRID * GRID; i++) {
                color c = sample_picture(s, poses, x + grid_offset(i % GRID), y + grid_offset(i / GRID));
                sum = (color){ sum.r + c.r, sum.g + c.g, sum.b + c.b };
            }
            sum = shade(sum, light_at(t) / (GRID * GRID));
            rgb[0] = to_byte(sum.r);
            rgb[1] = to_byte(sum.g);
            rgb[2] = to_byte(sum.b);
        }
}

int scene_id_at(const scene *s, double x, double y, int t)
{
    pose poses[N_LAYERS];
    double u, v;
    (void)s;
    poses_at(poses, t);
    return front_to_back[look_at(poses, x, y, &u, &v)];
}

void scene_ids(const scene *s, uint8_t *ids, int t)
{
    pose poses[N_LAYERS];
    double u, v;
    (void)s;
    poses_at(poses, t);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            *ids++ = (uint8_t)front_to_back[look_at(poses, x, y, &u, &v)];
}

int scene_follow(const scene *s, double x, double y, int t0, double *x1, double *y1, int t1)
{
    pose poses[N_LAYERS];
    double u, v, other_u, other_v;
    (void)s;
    poses_at(poses, t0);
    int depth = look_at(poses, x, y, &u, &v);
    poses_at(poses, t1);
    to_picture(&poses[front_to_back[depth]], u, v, x1, y1);
    if (*x1 < -0.5 || *y1 < -0.5 || *x1 >= SCENE_WIDTH - 0.5 || *y1 >= SCENE_HEIGHT - 0.5)
        return 0;
    /* At an outline, rounding may put the point just outside its own layer: only layers in front hide it. */
    return look_at(poses, *x1, *y1, &other_u, &other_v) >= depth;
}

/* ---- the edit ---- */

/* A heart on a disc with a rim, soft over about a pixel and a half; alpha is the return value. */
static double emblem_at(double u, double v, color *c)
{
    color paper = { 0.98f, 0.98f, 0.95f }, ink = { 0.10f, 0.75f, 0.95f }, rim = { 0.05f, 0.15f, 0.35f };
    double r = hypot(u, v), hx = fabs(u) / 9.5, hy = (1.5 - v) / 9.5;
    double heart = hx * hx + (hy - 0.62 * sqrt(hx)) * (hy - 0.62 * sqrt(hx));
    *c = blend(paper, rim, smooth_step(EMBLEM_RADIUS - 4.2, EMBLEM_RADIUS - 2.8, r));
    *c = blend(*c, ink, smooth_step(1.12, 0.88, heart));
    return smooth_step(EMBLEM_RADIUS + 0.8, EMBLEM_RADIUS - 0.8, r);
}

void scene_edit_truth(const scene *s, uint8_t *rgba, int t)
{
    pose poses[N_LAYERS];
    (void)s;
    poses_at(poses, t);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++, rgba += 4) {
            double alpha = 0, r = 0, g = 0, b = 0, u, v;
            for (int i = 0; i < GRID * GRID; i++) {
                color c;
                if (front_to_back[look_at(poses, x + grid_offset(i % GRID), y + grid_offset(i / GRID), &u, &v)] != 1)
                    continue;
                double a = emblem_at(u, v, &c);
                alpha += a;
                r += a * c.r;
                g += a * c.g;
                b += a * c.b;
            }
            rgba[3] = to_byte(alpha / (GRID * GRID));
            rgba[0] = rgba[3] ? to_byte(r / alpha) : 0;
            rgba[1] = rgba[3] ? to_byte(g / alpha) : 0;
            rgba[2] = rgba[3] ? to_byte(b / alpha) : 0;
        }
}

void scene_edit(const scene *s, uint8_t *rgba)
{
    scene_edit_truth(s, rgba, 0);
}
