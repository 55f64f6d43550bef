// Package follow watches what a path means, and tells the content of that file
// when it has come to rest. It knows files, directories and links, and nothing
// of what is written in them.
//
// A path means whatever the links in it lead to at the moment: a release folder
// that is switched, a mounted configuration whose data is swapped, a directory
// that another one takes the place of. So every directory that resolving the
// path passes through is watched, the way is walked anew on each event, and the
// path is looked at once a second besides: a network file system tells nothing,
// and a directory may be one that we may not watch.
//
// A file that is being written is not read. It is at rest when identity, size,
// time of writing and content have stayed the same over several looks: for
// 150 ms when another file has taken its place, for 300 ms when it is written
// in its place, for half a second when there is nothing in it or it cannot be
// read, which is no hurry. Two looks are enough when nobody has written it for
// ten seconds.
//
// A file that does not come to rest is given up after five seconds, with
// ErrRestless, and looked at again. Two such files are read after three seconds
// all the same, since every look at them shows something whole: when other
// files keep taking its place, and when its time changes and its content does
// not. What rest cannot tell is a writer who pauses for longer in the middle of
// a file: who does not write at one go puts a whole file in its place.
package follow
