// A convolution over three axes (fewer are axes of 1), forward and backward, as the loops that it is.
// With -DKERNEL_NOT_TURNED it has a classic mistake; with -fopenmp samples and output channels run in parallel.
typedef struct {
    int N, C, O, groups, flip, size[3], kernel[3], out[3], stride[3], dilation[3], before[3];
} Conv;

// How the kernel moves: padding is zeros at both ends of each axis, unless it has a name (v, s or f begin them).
static Conv conv_of(const int *x, const int *w, int groups, int flip, const int *stride, const int *dilation,
                    const int *padding, char named) {
    Conv c = {x[0], x[1], w[0], groups, flip};
    for (int a = 0; a < 3; a++) {
        c.stride[a] = stride[a], c.dilation[a] = dilation[a], c.size[a] = x[2 + a], c.kernel[a] = w[2 + a];
        int span = (c.kernel[a] - 1) * dilation[a], both = 2 * padding[a];
        if (named) both = named == 'f' ? 2 * span : named == 's' ? span : 0;
        c.before[a] = both / 2, c.out[a] = (c.size[a] + both - span - 1) / stride[a] + 1;
    }
    return c;
}

// The place in x that meets place k of the kernel at place p of y, or -1 where padding is.
static long meets(const Conv *c, const int *p, const int *k) {
    long place = 0;
    for (int a = 0; a < 3; a++) {
        int i = p[a] * c->stride[a] + k[a] * c->dilation[a] - c->before[a];
        if (i < 0 || i >= c->size[a]) return -1;
        place = place * c->size[a] + i;
    }
    return place;
}

// All products of one sample and one output channel: y, or, with g, what they give to the gradients.
static void products(const Conv *c, int n, int o, const double *x, const double *w, const double *g,
                     double *y, double *gx, double *gw) {
    int in = c->C / c->groups, each = c->O / c->groups, p[3], k[3];
    long X = (long)c->size[0] * c->size[1] * c->size[2], K = (long)c->kernel[0] * c->kernel[1] * c->kernel[2];
    long Y = (long)c->out[0] * c->out[1] * c->out[2];
    for (long iy = 0; iy < Y; iy++)
        for (int ci = 0; ci < in; ci++)
            for (long ik = 0; ik < K; ik++) {
                for (long a = 2, q = iy, r = ik; a >= 0; q /= c->out[a], r /= c->kernel[a], a--)
                    p[a] = (int)(q % c->out[a]), k[a] = (int)(r % c->kernel[a]);
                long i = meets(c, p, k);
                if (i < 0) continue;
                long at = ((long)n * c->C + (long)(o / each) * in + ci) * X + i, row = ((long)o * in + ci) * K;
                long iw = row + (c->flip ? K - 1 - ik : ik), to = ((long)n * c->O + o) * Y + iy;
                if (y) y[to] += x[at] * w[iw];
                if (gw) gw[iw] += g[to] * x[at];
#ifdef KERNEL_NOT_TURNED
                iw = row + (c->flip ? ik : K - 1 - ik);
#endif
                if (gx) gx[at] += g[to] * w[iw];
            }
}

static void forward(const Conv *c, const double *x, const double *w, const double *b, double *y) {
    long Y = (long)c->out[0] * c->out[1] * c->out[2];
#pragma omp parallel for collapse(2)
    for (int n = 0; n < c->N; n++)
        for (int o = 0; o < c->O; o++) {
            for (long i = 0; i < Y; i++) y[((long)n * c->O + o) * Y + i] = b ? b[o] : 0;
            products(c, n, o, x, w, 0, y, 0, 0);
        }
}

static void backward(const Conv *c, const double *g, const double *x, const double *w,
                     double *gx, double *gw, double *gb) {
    long Y = (long)c->out[0] * c->out[1] * c->out[2];
#pragma omp parallel for
    for (int n = 0; n < c->N; n++) // each thread adds to the gradient of samples of its own
        for (int o = 0; o < c->O; o++) products(c, n, o, x, w, g, 0, gx, 0);
#pragma omp parallel for
    for (int o = 0; o < c->O; o++) // and to that of kernels of its own
        for (int n = 0; n < c->N; n++) {
            products(c, n, o, x, w, g, 0, 0, gw);
            for (long i = 0; gb && i < Y; i++) gb[o] += g[((long)n * c->O + o) * Y + i];
        }
}
