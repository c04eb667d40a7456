// The stream of a page is open only while somebody can see the page. A browser allows six
// connections to a server; streams of tabs in the background would use them up.
"use strict";

class SeenEventSource {
  constructor(url) {
    this.url = url;
    this.listeners = [];
    this.source = null;
    this.onopen = null;
    this.onerror = null;
    this.look = () => (document.hidden ? this.pause() : this.resume());
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  get readyState() {
    return this.source ? this.source.readyState : EventSource.CONNECTING;
  }

  addEventListener(name, listener) {
    this.listeners.push([name, listener]);
    if (this.source) this.source.addEventListener(name, listener);
  }

  removeEventListener(name, listener) {
    this.listeners = this.listeners.filter((one) => one[0] !== name || one[1] !== listener);
    if (this.source) this.source.removeEventListener(name, listener);
  }

  close() {
    document.removeEventListener("visibilitychange", this.look);
    this.pause();
  }

  pause() {
    if (this.source) this.source.close();
    this.source = null;
  }

  resume() {
    if (this.source) return;
    this.source = new EventSource(this.url);
    for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
    this.source.onopen = (event) => this.onopen && this.onopen(event);
    this.source.onerror = (event) => {
      // Whoever hears that it is closed for good makes another one.
      if (this.readyState === EventSource.CLOSED) {
        document.removeEventListener("visibilitychange", this.look);
      }
      if (this.onerror) this.onerror(event);
    };
  }
}

htmx.createEventSource = (url) => new SeenEventSource(url);
