Live.figure("ring", (stage) => { stage.append(Live.button("Play", () => {})); });
