// A convolution over any number of axes, forward and backward, as the loops that it is.
// Where mistake is "kernel not turned" it has a classic one: go build -ldflags "-X 'main.mistake=kernel not turned'".
package main

import (
	"fmt"
	"strconv"
	"strings"
)

var mistake string

type Array struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"-"`
}

// How the kernel moves: a number for each axis, and zeros at both ends together.
type Moves struct {
	stride, dilation, both []int
	groups                 int
	flip                   bool
}

// moves reads parameters as frames give them ("2,1", "same") or as vectors do ([2 1], once printed).
func moves(in map[string]*Array, told map[string]any) Moves {
	kernel := in["weight"].Shape[2:]
	words := func(name string) []string {
		return strings.FieldsFunc(fmt.Sprint(told[name]), func(c rune) bool { return strings.ContainsRune("[], ", c) })
	}
	each := func(name string, usual int) []int {
		all := make([]int, len(kernel))
		for a, got := 0, words(name); a < len(kernel); a++ {
			n, err := strconv.Atoi(got[a%len(got)])
			if all[a] = n; err != nil {
				all[a] = usual
			}
		}
		return all
	}
	m := Moves{each("stride", 1), each("dilation", 1), each("padding", 0), 1, fmt.Sprint(told["flip"]) == "true"}
	fmt.Sscan(fmt.Sprint(told["groups"]), &m.groups)
	named, isNamed := map[string]int{"valid": 0, "same": 1, "full": 2}[words("padding")[0]]
	for a, k := range kernel {
		m.both[a] *= 2
		if isNamed {
			m.both[a] = named * (k - 1) * m.dilation[a]
		}
	}
	return m
}

func product(many []int) int {
	all := 1
	for _, n := range many {
		all *= n
	}
	return all
}

func zeros(shape []int) *Array { return &Array{shape, make([]float64, product(shape))} }

// products calls use with the places of each product in y, x and weight; turned is that of the kernel the other way round.
func products(x, weight *Array, m Moves, use func(y, x, weight, turned int)) *Array {
	size, kernel, out := x.Shape[2:], weight.Shape[2:], []int{}
	for a, n := range size {
		out = append(out, (n+m.both[a]-(kernel[a]-1)*m.dilation[a]-1)/m.stride[a]+1)
	}
	y := zeros(append([]int{x.Shape[0], weight.Shape[0]}, out...))
	X, K, Y, O, each := product(size), product(kernel), product(out), weight.Shape[0], weight.Shape[1]
	for p := 0; p < Y; p++ {
		for k := 0; k < K; k++ {
			place, weighs, inside := 0, 1, true
			for a, q, r := len(size)-1, p, k; a >= 0; a-- {
				i := q%out[a]*m.stride[a] + r%kernel[a]*m.dilation[a] - m.both[a]/2
				inside = inside && i >= 0 && i < size[a]
				place, weighs, q, r = place+i*weighs, weighs*size[a], q/out[a], r/kernel[a]
			}
			for no := 0; inside && no < x.Shape[0]*O; no++ {
				for c := 0; c < each; c++ {
					n, o := no/O, no%O
					from, at, turned := o/(O/m.groups)*each+c, (o*each+c)*K+k, (o*each+c)*K+K-1-k
					if m.flip {
						at, turned = turned, at
					}
					use(no*Y+p, (n*x.Shape[1]+from)*X+place, at, turned)
				}
			}
		}
	}
	return y
}

func forward(in map[string]*Array, m Moves) map[string]*Array {
	x, w := in["x"], in["weight"]
	y := products(x, w, m, func(y, x, weight, turned int) {})
	products(x, w, m, func(at, i, k, _ int) { y.Data[at] += x.Data[i] * w.Data[k] })
	if b, Y := in["bias"], product(y.Shape[2:]); b != nil {
		for i := range y.Data {
			y.Data[i] += b.Data[i/Y%len(b.Data)]
		}
	}
	return map[string]*Array{"y": y}
}

func backward(in map[string]*Array, m Moves) map[string]*Array {
	g, x, w := in["grad_output"], in["x"], in["weight"]
	gx, gw := zeros(x.Shape), zeros(w.Shape)
	products(x, w, m, func(at, i, k, turned int) {
		gw.Data[k] += g.Data[at] * x.Data[i]
		if mistake == "kernel not turned" {
			k = turned
		}
		gx.Data[i] += g.Data[at] * w.Data[k]
	})
	found := map[string]*Array{"grad_x": gx, "grad_weight": gw}
	if b, Y := in["bias"], product(g.Shape[2:]); b != nil {
		found["grad_bias"] = zeros(b.Shape)
		for i, v := range g.Data {
			found["grad_bias"].Data[i/Y%len(b.Data)] += v
		}
	}
	return found
}
