package box

import (
	"path"
	"strconv"
)

// initArgument is the only argument of process 1 of a box.
const initArgument = "drill-box-init"

// stagePoint is where process 1 mounts its scratch before it changes its root: a
// folder that every Linux system has, and that process 1 does not need.
const stagePoint = "/sys"

// request is what the parent asks of process 1: one of its fields.
type request struct {
	Setup *setup `json:",omitempty"`
	Enter bool   `json:",omitempty"` // change the root to the merged tree
	Step  *Step  `json:",omitempty"`
	Kill  bool   `json:",omitempty"` // end all other processes; has no reply
}

// setup is what the box is made of.
type setup struct {
	Root     string
	Scratch  string // "": memory
	Size     int64
	Layers   []layer
	Network  bool
	Pids     int
	Terminal bool
	Remove   []string
}

// reply is what process 1 answers. A step has many replies, the last one with Exit.
type reply struct {
	Error    string       `json:",omitempty"`
	Tried    []string     `json:",omitempty"`
	ReadOnly map[int]bool `json:",omitempty"` // by index in Layers
	Absent   map[int]bool `json:",omitempty"` // by index in Layers
	Output   []byte       `json:",omitempty"`
	Exit     *exit        `json:",omitempty"`
}

// exit is how a command ended.
type exit struct {
	Code   int
	Signal string
}

// upperOf is the upper layer of a layer, below the scratch.
func upperOf(i int) string { return path.Join(strconv.Itoa(i), "upper") }

// workOf is the work folder that overlayfs needs for an upper layer.
func workOf(i int) string { return path.Join(strconv.Itoa(i), "work") }
