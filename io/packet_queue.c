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

static int64_t cost(const AVPacket *packet)
{
    return packet->size + 256; /* with what the packet itself takes */
}

/* The oldest packet, or NULL. The caller frees it. */
static AVPacket *pop_locked(hf_packet_queue *queue)
{
    node *first = queue->first;
    AVPacket *packet;

    if (!first)
        return NULL;
    queue->first = first->next;
    if (!queue->first)
        queue->end = &queue->first;
    packet = first->packet;
    queue->size_bytes -= cost(packet);
    free(first);
    return packet;
}

static int put_locked(hf_packet_queue *queue, AVPacket *packet)
{
    node *added;

    if (queue->size_bytes + cost(packet) > HF_PACKET_QUEUE_MAX_BYTES)
        return 0;
    if (!(added = calloc(1, sizeof(*added))) || !(added->packet = av_packet_alloc())) {
        free(added);
        return 0;
    }
    av_packet_move_ref(added->packet, packet);
    *queue->end = added;
    queue->end = &added->next;
    queue->size_bytes += cost(added->packet);
    while (!queue->is_claimed && queue->size_bytes > HF_PACKET_QUEUE_UNCLAIMED_BYTES) {
        AVPacket *oldest = pop_locked(queue);
        av_packet_free(&oldest);
    }
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
    AVPacket *first = pop_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    if (!first)
        return 0;
    av_packet_move_ref(packet, first);
    av_packet_free(&first);
    return 1;
}
