/* scene.h - the synthetic scene of the sample clip: pictures with known truth.
 *
 * A slowly panning textured ground and flat textured objects that turn, bend,
 * breathe, grow and cross. Every layer has an exact map from its own
 * coordinates to the picture and back, so the id of any pixel and the path of any point
 * are computed, not estimated. Nothing is random: the same numbers on every machine.
 *
 * Coordinates: x to the right, y down, in pixels of a 320 x 180 picture, pixel
 * centres at whole numbers. Frames are 0..SCENE_FRAMES-1.
 */
#ifndef HF_SAMPLES_SCENE_H
#define HF_SAMPLES_SCENE_H

#include <stdint.h>

#define SCENE_WIDTH   320
#define SCENE_HEIGHT  180
#define SCENE_FRAMES  60
#define SCENE_OBJECTS 4 /* ids 1..4; 0 is the ground */

typedef struct scene scene;

/* Build the textures (some milliseconds). NULL if out of memory. */
scene *scene_new(void);
void   scene_free(scene **s);

/* rgb u8 [180,320,3] out: frame t, anti-aliased. */
void scene_render(const scene *s, uint8_t *rgb, int t);

/* ids u8 [180,320] out: the id seen at each pixel centre of frame t. */
void scene_ids(const scene *s, uint8_t *ids, int t);

/* The id seen at a point of frame t; points outside the picture are allowed. */
int scene_id_at(const scene *s, double x, double y, int t);

/*
 * Where the surface point seen at (x, y) of frame t0 is in frame t1.
 * Returns 1 if it is seen there, 0 if it is hidden by another object or out of the picture.
 */
int scene_follow(const scene *s, double x, double y, int t0, double *x1, double *y1, int t1);

/* rgba u8 [180,320,4] out: an emblem with soft edges painted on object 1 in frame 0. */
void scene_edit(const scene *s, uint8_t *rgba);

/* The same emblem where it truly is in frame t, hidden parts removed: what a perfect tool shows. */
void scene_edit_truth(const scene *s, uint8_t *rgba, int t);

#endif
