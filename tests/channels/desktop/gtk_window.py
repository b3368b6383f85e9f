"""A window of GTK 3, run by the system's Python: a labelled field, a button with a tooltip, a search field, a list."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402 - after its version is chosen

window = Gtk.Window(title="Orders", default_height=400)
box = Gtk.VBox()
label, entry = Gtk.Label(label="_Party:", use_underline=True), Gtk.Entry()
label.set_mnemonic_widget(entry)
button = Gtk.Button(tooltip_text="Create a new record")
button.add(Gtk.Image.new_from_icon_name("list-add", Gtk.IconSize.BUTTON))
button.connect("clicked", lambda _: entry.set_text("pressed"))
search = Gtk.Entry(placeholder_text="Search")
store = Gtk.ListStore(str, str)
for row in (("85123A", "2 u"), ("71053", "3 u")):
    store.append(row)
view = Gtk.TreeView(model=store)
for number, heading in enumerate(("Code", "Quantity")):
    view.append_column(Gtk.TreeViewColumn(heading, Gtk.CellRendererText(), text=number))
for widget in (label, entry, button, search):
    box.add(widget)
box.pack_start(view, True, True, 0)
window.add(box)
window.show_all()
Gtk.main()
