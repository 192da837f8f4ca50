/* draw.h - points, lines and numbers on RGB pictures: what `hfprop match` and `warp` show.
 *
 * Coordinates are pixels, centres at whole numbers; what lies outside the picture is left out. Edges are
 * anti-aliased. Nothing is allocated by drawing.
 */
#ifndef HF_SRC_CLI_DRAW_H
#define HF_SRC_CLI_DRAW_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_canvas {
    int      width, height;
    uint8_t *rgb; /* [H,W,3] */
} hf_canvas;

/* Filled with one gray. HF_ENOMEM. */
int  hf_canvas_new(hf_canvas **out, int width, int height, uint8_t gray, hf_error *err);
void hf_canvas_free(hf_canvas **canvas);

/* Lay a picture u8 [height,width,3] at (x, y), averaged down by a whole factor of 1 or more. */
void hf_canvas_picture(hf_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y, int factor);

/* The same, enlarged bilinearly by a whole factor. */
void hf_canvas_enlarge(hf_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y, int factor);

/* opacity 0..1 */
void hf_canvas_line(hf_canvas *canvas, double x0, double y0, double x1, double y1, double thickness,
                    const uint8_t color[3], double opacity);
void hf_canvas_disk(hf_canvas *canvas, double x, double y, double radius, const uint8_t color[3], double opacity);

/* A number of 0 or more with its upper left corner at (x, y); 5 x 7 dots of `dot` pixels, white on a dark edge. */
void hf_canvas_number(hf_canvas *canvas, int x, int y, int number, int dot);

/* Colour of mark number i: neighbours differ, all are bright. */
void hf_mark_color(uint8_t color[3], int i);

/* Written as `path`.part and renamed. What hf_png_write returns. */
int hf_canvas_write(const char *path, const hf_canvas *canvas, hf_error *err);

#endif
