// Package audit keeps who did what, when and from where: one stream of the whole
// installation, to which is only ever added. It outlives the instances it tells of.
package audit
