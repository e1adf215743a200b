// Answers vectors: reads vectors/conv.json, writes results.json (docs/vectors.md).
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

type Told struct {
	Shape  []int
	Values []float64
	Hex    []string
}

func vectors(path string) {
	given := struct {
		Tests []struct {
			Id         int
			Dtypes     []string
			Scale      map[string]int
			Parameters map[string]any
			Inputs     map[string]*Told
			Cotangent  *Told `json:"grad_output"`
		}
	}{}
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &given) != nil {
		panic("no vectors: " + path)
	}
	results := []map[string]any{}
	for _, test := range given.Tests {
		if !strings.Contains(fmt.Sprint(test.Dtypes), "float64") {
			continue
		}
		test.Inputs["grad_output"] = test.Cotangent
		in, answer := map[string]*Array{}, map[string]any{"id": test.Id}
		for name, told := range test.Inputs {
			if told == nil {
				continue
			}
			in[name] = zeros(told.Shape)
			for i, n := range told.Values {
				in[name].Data[i] = math.Ldexp(n, test.Scale[name])
			}
			for i, hex := range told.Hex {
				in[name].Data[i], _ = strconv.ParseFloat(hex, 64)
			}
		}
		for _, call := range []func(map[string]*Array, Moves) map[string]*Array{forward, backward} {
			for name, a := range call(in, moves(in, test.Parameters)) {
				answer[name] = strings.Fields(strings.Trim(fmt.Sprintf("%x", a.Data), "[]"))
			}
		}
		results = append(results, answer)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"op": "conv", "dtype": "float64", "implementation": "conv.go", "results": results})
}
