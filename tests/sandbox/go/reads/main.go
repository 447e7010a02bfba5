// Reads files as kubectl does and writes what it read: for each file that standard input names, one
// line of JSON with its objects and, if there is one, the error that ended the reading.
//
// These are kubectl's own steps: FileVisitor and StreamVisitor of k8s.io/cli-runtime up to the
// decoding, and UnstructuredJSONScheme, which opens lists.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type answer struct {
	Objects []any  `json:"objects"`
	Error   string `json:"error,omitempty"`
}

func main() {
	names := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for names.Scan() {
		found := answer{Objects: []any{}}
		if err := read(names.Text(), &found); err != nil {
			found.Error = err.Error()
		}
		line, err := json.Marshal(found)
		if err != nil {
			line = []byte(`{"objects":[],"error":"cannot be written as JSON"}`)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
}

func read(name string, found *answer) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text := transform.NewReader(file, unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(text, 4096)
	for {
		raw := runtime.RawExtension{}
		if err := decoder.Decode(&raw); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		raw.Raw = bytes.TrimSpace(raw.Raw)
		if len(raw.Raw) == 0 || bytes.Equal(raw.Raw, []byte("null")) {
			continue
		}
		object, _, err := unstructured.UnstructuredJSONScheme.Decode(raw.Raw, nil, nil)
		if err != nil {
			return err
		}
		switch object := object.(type) {
		case *unstructured.UnstructuredList:
			for _, item := range object.Items {
				found.Objects = append(found.Objects, item.Object)
			}
		case *unstructured.Unstructured:
			found.Objects = append(found.Objects, object.Object)
		}
	}
}
