/* packet_queue.c - see packet_queue.h. */
#include "io/packet_queue.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct node {
    AVPacket    *packet;
    struct node *next;
} node;

struct hf_packet_queue {
    pthread_mutex_t lock;
    node           *first, **end;
    int64_t         size_bytes;
    int             is_claimed;
};

hf_packet_queue *hf_packet_queue_new(void)
{
    hf_packet_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NULL;
    pthread_mutex_init(&queue->lock, NULL);
    queue->end = &queue->first;
    return queue;
}

void hf_packet_queue_free(hf_packet_queue **queue)
{
    if (!*queue)
        return;
    for (node *n = (*queue)->first, *next; n; n = next) {
        next = n->next;
        av_packet_free(&n->packet);
        free(n);
    }
    pthread_mutex_destroy(&(*queue)->lock);
    free(*queue);
    *queue = NULL;
}

int hf_packet_queue_claim(hf_packet_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    int is_first = !queue->is_claimed;
    queue->is_claimed = 1;
    pthread_mutex_unlock(&queue->lock);
    return is_first;
}

static int put_locked(hf_packet_queue *queue, AVPacket *packet)
{
    node *added;
    int64_t size = packet->size + 256; /* with what the packet itself takes */

    if (!queue->is_claimed || queue->size_bytes + size > HF_PACKET_QUEUE_MAX_BYTES)
        return !queue->is_claimed;
    if (!(added = calloc(1, sizeof(*added))) || !(added->packet = av_packet_alloc())) {
        free(added);
        return 0;
    }
    av_packet_move_ref(added->packet, packet);
    *queue->end = added;
    queue->end = &added->next;
    queue->size_bytes += size;
    return 1;
}

int hf_packet_queue_put(hf_packet_queue *queue, AVPacket *packet)
{
    pthread_mutex_lock(&queue->lock);
    int rc = put_locked(queue, packet);
    pthread_mutex_unlock(&queue->lock);
    av_packet_unref(packet);
    return rc;
}

int hf_packet_queue_get(AVPacket *packet, hf_packet_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    node *first = queue->first;
    if (first) {
        queue->first = first->next;
        if (!queue->first)
            queue->end = &queue->first;
        queue->size_bytes -= first->packet->size + 256;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!first)
        return 0;
    av_packet_move_ref(packet, first->packet);
    av_packet_free(&first->packet);
    free(first);
    return 1;
}
