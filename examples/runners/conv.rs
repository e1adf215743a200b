// A convolution over three axes (fewer are axes of 1), forward and backward, as the loops that it is.
// With --cfg kernel_not_turned it has a classic mistake.
pub struct Conv {
    pub n: usize, pub c: usize, pub o: usize, pub groups: usize, pub flip: bool,
    pub size: [i64; 3], pub kernel: [i64; 3], pub out: [i64; 3],
    pub stride: [i64; 3], pub dilation: [i64; 3], pub before: [i64; 3],
}

// Where a product has its factors: its place in y, in x, in weight, and in weight turned by 180 degrees.
pub struct Place { pub y: usize, pub x: usize, pub w: usize, pub turned: usize }

impl Conv {
    // How the kernel moves: padding is zeros at both ends of each axis, unless it has a name.
    pub fn new(x: &[i64; 5], w: &[i64; 5], groups: usize, flip: bool, stride: [i64; 3], dilation: [i64; 3],
               padding: [i64; 3], named: &str) -> Conv {
        let (size, kernel) = ([x[2], x[3], x[4]], [w[2], w[3], w[4]]);
        let (mut out, mut before) = ([1; 3], [0; 3]);
        for a in 0..3 {
            let span = (kernel[a] - 1) * dilation[a];
            let both = match named { "valid" => 0, "same" => span, "full" => 2 * span, _ => 2 * padding[a] };
            before[a] = both / 2;
            out[a] = (size[a] + both - span - 1) / stride[a] + 1;
        }
        let (n, c, o) = (x[0] as usize, x[1] as usize, w[0] as usize);
        Conv { n, c, o, groups, flip, size, kernel, out, stride, dilation, before }
    }

    // The place in x that meets place k of the kernel at place p of y, if it is no padding.
    fn meets(&self, mut p: i64, mut k: i64) -> Option<usize> {
        let (mut place, mut weighs) = (0, 1);
        for a in (0..3).rev() {
            let i = p % self.out[a] * self.stride[a] + k % self.kernel[a] * self.dilation[a] - self.before[a];
            if i < 0 || i >= self.size[a] { return None; }
            place += i * weighs;
            weighs *= self.size[a];
            p /= self.out[a];
            k /= self.kernel[a];
        }
        Some(place as usize)
    }

    pub fn products(&self, mut f: impl FnMut(Place)) {
        let many = |axes: &[i64; 3]| axes.iter().product::<i64>() as usize;
        let (xs, ks, ys) = (many(&self.size), many(&self.kernel), many(&self.out));
        let (inner, each) = (self.c / self.groups, self.o / self.groups);
        for p in 0..ys { for k in 0..ks {
            let Some(i) = self.meets(p as i64, k as i64) else { continue };
            for n in 0..self.n { for o in 0..self.o { for c in 0..inner {
                let row = (o * inner + c) * ks;
                let (one, other) = if self.flip { (ks - 1 - k, k) } else { (k, ks - 1 - k) };
                let from = o / each * inner + c;
                f(Place { y: (n * self.o + o) * ys + p, x: (n * self.c + from) * xs + i, w: row + one, turned: row + other });
            } } }
        } }
    }

    pub fn forward(&self, x: &[f64], w: &[f64], b: Option<&[f64]>) -> Vec<f64> {
        let ys = self.out.iter().product::<i64>() as usize;
        let mut y: Vec<f64> = (0..self.n * self.o * ys).map(|i| b.map_or(0.0, |b| b[i / ys % self.o])).collect();
        self.products(|at| y[at.y] += x[at.x] * w[at.w]);
        y
    }

    pub fn backward(&self, g: &[f64], x: &[f64], w: &[f64]) -> [Vec<f64>; 3] {
        let (mut gx, mut gw, mut gb) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; self.o]);
        self.products(|at| {
            gx[at.x] += g[at.y] * w[if cfg!(kernel_not_turned) { at.turned } else { at.w }];
            gw[at.w] += g[at.y] * x[at.x];
        });
        let ys = self.out.iter().product::<i64>() as usize;
        g.iter().enumerate().for_each(|(i, v)| gb[i / ys % self.o] += v);
        [gx, gw, gb]
    }
}
