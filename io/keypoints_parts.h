/* keypoints_parts.h - inside of keypoints*.c and of nobody else. */
#ifndef HF_IO_KEYPOINTS_PARTS_H
#define HF_IO_KEYPOINTS_PARTS_H

#include <stddef.h>
#include "io/keypoints.h"

/* One pair as a reader finds it; strings and points are borrowed until hf_keypoints_add returns. */
typedef struct hf_keypoint_draft {
    const char *image[2];    /* source, target */
    double      xy[2][2 * HF_KEYPOINTS_MAX_POINTS];
    double      box[2][4];
    int         has_box[2];
    int         width[2], height[2];
    int         n;
    const char *category;
} hf_keypoint_draft;

/* Check a draft and add a copy of it. what: file and entry, for the errors. HF_EFORMAT, HF_ENOMEM. A draft without
 * points is counted in n_skipped. */
int hf_keypoints_add(hf_keypoints *set, const hf_keypoint_draft *draft, const char *what, hf_error *err);

/* HF_EFORMAT for a name of an image or list that is empty, absolute or leads upward. */
int hf_keypoints_check_name(const char *name, const char *what, hf_error *err);

/* "FOLDER/NAME" into path[size]; HF_EARG: too long. */
int hf_keypoints_join(char *path, size_t size, const char *folder, const char *name, hf_error *err);

/* A whole text file as a string, to be freed. HF_EIO, HF_EFORMAT (it holds a zero byte), HF_ENOMEM. */
int hf_keypoints_read_text(char **text, const char *path, hf_error *err);

/* Cut the next line (without its end) off *rest; NULL after the last. */
char *hf_keypoints_next_line(char **rest);

/* Readers of one layout each. `draft` is scratch. */
int hf_keypoints_read_json(hf_keypoints *set, const char *path, hf_keypoint_draft *draft, hf_error *err);
int hf_keypoints_read_spair(hf_keypoints *set, const char *root, const char *split, hf_keypoint_draft *draft,
                            hf_error *err);
int hf_keypoints_read_spair_folder(hf_keypoints *set, const char *folder, hf_keypoint_draft *draft, hf_error *err);
int hf_keypoints_read_csv(hf_keypoints *set, const char *path, hf_keypoint_draft *draft, hf_error *err);
int hf_keypoints_read_cub(hf_keypoints *set, const char *root, const hf_keypoints_params *params,
                          hf_keypoint_draft *draft, hf_error *err);

#endif
