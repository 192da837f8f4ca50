/* davis.h - the folders of a DAVIS tree, of its relatives, and of results to score.
 *
 *     ROOT/ImageSets/2017/val.txt               one sequence name a line
 *     ROOT/ImageSets/2016/val.txt               names, or "/JPEGImages/480p/bear/00000.jpg ..." a frame
 *     ROOT/Annotations/480p/SEQUENCE/00000.png  object ids, 255 = void; in 2016 0 and 255
 *     ROOT/JPEGImages/480p/SEQUENCE/00000.jpg   the frames
 *     RESULTS/SEQUENCE/00000.png                the same names
 *
 * Trees without a resolution folder (YouTube-VOS, MOSE: ROOT/Annotations/SEQUENCE) and
 * plain folders of sequences (ROOT/SEQUENCE) are found too; without lists, every folder is a sequence.
 */
#ifndef HF_IO_DAVIS_H
#define HF_IO_DAVIS_H

#include "io/png.h"
#include "src/error.h"

typedef struct hf_davis_params {
    int         year;       /* 2016 or 2017; 0: 2017 if it has the list, else 2016 */
    const char *split;      /* which list; NULL: "val" */
    const char *resolution; /* folder under Annotations; NULL: "480p" */
    const char *sequences;  /* names separated by commas, and no list is read; NULL: those of the list */
} hf_davis_params;

typedef struct hf_davis_sequence {
    char  *name;
    char  *folder;   /* of its annotations */
    int    n_frames;
    char **stems;    /* [n_frames] names of the annotations without ".png", sorted by bytes */
} hf_davis_sequence;

typedef struct hf_davis {
    int                year;  /* of the list that was read, or the one asked for; 0 without either */
    char              *split; /* "val" */
    int                n_sequences;
    hf_davis_sequence *sequences; /* in the order of the list */
} hf_davis;

/*
 * Find the sequences and the names of their annotations; no picture is opened yet.
 * On failure *out is NULL.
 *
 * Returns HF_EARG for a year that is not 0, 2016 or 2017, or a name or split that is
 * empty or leads out of the tree; HF_EIO when a folder or
 * the list cannot be read (the text says which lists there are); HF_EFORMAT for a list
 * without sequences, a name that leads out of the tree, and a sequence without PNG; HF_ENOMEM.
 */
int  hf_davis_open(hf_davis **out, const char *root, const hf_davis_params *params, hf_error *err);
void hf_davis_close(hf_davis **davis);

/*
 * The folder of a sequence's frames: ROOT/JPEGImages/RESOLUTION/NAME, or ROOT/JPEGImages/NAME where there is none.
 * resolution NULL: "480p". *out is the caller's, to free; NULL on failure.
 * Returns HF_EIO if there is neither; HF_ENOMEM.
 */
int hf_davis_find_frames(char **out, const char *root, const char *resolution, const char *name, hf_error *err);

/*
 * Read FOLDER/STEM.png as object ids: afterwards (*out)->pixels is u8 [H,W], whatever the
 * palette's colours are. Unlike hf_mask_read nothing is guessed and 255 stays 255.
 * any_color: 1 reads colour files too, every pixel that is not black as id 1; 0 refuses them.
 * Returns what hf_png_read returns, and HF_EFORMAT for refused colours and for 16-bit files.
 */
int hf_davis_read(hf_png **out, const char *folder, const char *stem, int any_color, hf_error *err);

#endif
