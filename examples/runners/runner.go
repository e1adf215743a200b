// Lets conv.go be judged: ./conv speaks in frames (docs/protocol.md), ./conv conv.json > results.json answers vectors.
// go build -o conv runner.go vectors.go conv.go
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
)

var order = binary.LittleEndian

func say(metadata map[string]string, arrays map[string]*Array) {
	header, data := map[string]any{"__metadata__": metadata}, bytes.Buffer{}
	for name, a := range arrays {
		from := data.Len()
		binary.Write(&data, order, a.Data)
		header[name] = map[string]any{"dtype": "F64", "shape": a.Shape, "data_offsets": []int{from, data.Len()}}
	}
	text, _ := json.Marshal(header)
	binary.Write(os.Stdout, order, []uint64{uint64(8 + len(text) + data.Len()), uint64(len(text))})
	os.Stdout.Write(append(text, data.Bytes()...))
}

func main() {
	if len(os.Args) > 1 {
		vectors(os.Args[1])
		return
	}
	var length uint64
	for binary.Read(os.Stdin, order, &length) == nil {
		frame, header, told, in := make([]byte, length), map[string]json.RawMessage{}, map[string]any{}, map[string]*Array{}
		io.ReadFull(os.Stdin, frame)
		end := 8 + order.Uint64(frame)
		json.Unmarshal(frame[8:end], &header)
		json.Unmarshal(header["__metadata__"], &told)
		delete(header, "__metadata__")
		for name, text := range header {
			var array struct{ Shape, Data_offsets []int }
			json.Unmarshal(text, &array)
			in[name] = zeros(array.Shape)
			binary.Read(bytes.NewReader(frame[int(end)+array.Data_offsets[0]:]), order, in[name].Data)
		}
		switch {
		case told["call"] == "end":
			return
		case told["call"] == "start" && told["dtype"] != "F64":
			say(map[string]string{"unsupported": "float64 only"}, nil)
		case told["call"] == "start":
			say(map[string]string{"name": "conv.go"}, nil)
		case told["call"] == "forward":
			say(map[string]string{}, forward(in, moves(in, told)))
		default:
			say(map[string]string{}, backward(in, moves(in, told)))
		}
	}
}
