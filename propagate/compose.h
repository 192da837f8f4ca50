/* compose.h - pictures made of a result: what a viewer, an encoder or a compositor wants.
 *
 * All buffers are host memory with packed rows and belong to the caller; an
 * output never overlaps an input. Nothing is allocated and nothing can fail.
 * `palette` has one RGB colour an id. The edit itself needs no function here:
 * hf_result.edit already is the layer to lay over the frame.
 */
#ifndef HF_PROPAGATE_COMPOSE_H
#define HF_PROPAGATE_COMPOSE_H

#include <stdint.h>

#define HF_OVERLAY_OPACITY 0.5f

/*
 * The objects as a layer over their frame: every object in its colour, with an
 * opaque line one pixel wide inside its border.
 *
 *   rgba  u8 [H,W,4]  out: straight alpha
 *   ids   u8 [H,W]
 *   opacity           0..1, of the area inside the line
 */
void hf_compose_overlay(uint8_t *rgba, const uint8_t *ids, const uint8_t palette[256][3],
                        float opacity, int width, int height);

/* The objects in their colours, the background in palette[0]. rgb: u8 [H,W,3] out. */
void hf_compose_mask(uint8_t *rgb, const uint8_t *ids, const uint8_t palette[256][3], int width,
                     int height);

/* The frame with the matte as its alpha, colours straight. rgba: u8 [H,W,4] out; alpha: u8 [H,W]. */
void hf_compose_cutout(uint8_t *rgba, const uint8_t *rgb, const uint8_t *alpha, int width,
                       int height);

/* The matte as a gray picture. rgb: u8 [H,W,3] out; alpha: u8 [H,W]. */
void hf_compose_matte(uint8_t *rgb, const uint8_t *alpha, int width, int height);

/*
 * The correspondence field: every pixel in the colour of the place of the drawn
 * frame that it came from (a gradient between four corner colours with a checker of
 * 16 squares across), darker where cover is low.
 *
 *   rgb    u8  [H,W,3]  out
 *   xy     f32 [H,W,2]  pixels of the drawn frame
 *   cover  f32 [H,W]    0..1
 */
void hf_compose_colormap(uint8_t *rgb, const float *xy, const float *cover, int width, int height);

/* Lay a straight-alpha layer over a frame. rgb: u8 [H,W,3] out, may be the same memory as frame. */
void hf_compose_blend(uint8_t *rgb, const uint8_t *frame, const uint8_t *rgba, int width,
                      int height);

/* Two pictures of one size beside each other. rgb: u8 [H,2W,3] out; left, right: u8 [H,W,3]. */
void hf_compose_side_by_side(uint8_t *rgb, const uint8_t *left, const uint8_t *right, int width,
                             int height);

#endif
